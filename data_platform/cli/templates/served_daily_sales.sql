-- grain: one row per day with at least one order
-- key:   order_date
SELECT
    order_date,
    count(*) AS orders_count,
    CAST(sum(amount) AS DECIMAL(18, 2)) AS amount
FROM curated.{{domain}}.orders
WHERE order_date >= $partition_start AND order_date < $partition_end
GROUP BY order_date
