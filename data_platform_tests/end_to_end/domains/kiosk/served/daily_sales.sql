-- grain: one row per day and currency with at least one order
-- key:   order_date, currency
SELECT
    order_date,
    currency,
    count(*) AS orders_count,
    CAST(sum(quantity) AS BIGINT) AS quantity,
    min(quantity) AS least_quantity,
    CAST(sum(amount) AS DECIMAL(18, 2)) AS amount
FROM curated.kiosk.orders
WHERE order_date >= $partition_start AND order_date < $partition_end
GROUP BY order_date, currency
