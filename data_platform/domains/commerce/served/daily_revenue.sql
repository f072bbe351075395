-- grain: one row per day and currency with at least one order
-- key:   order_date, currency
WITH lines AS (
    SELECT order_id, sum(line_amount) AS line_amount
    FROM curated.commerce.order_lines
    WHERE order_date >= $partition_start AND order_date < $partition_end
    GROUP BY order_id
)
SELECT
    orders.order_date,
    orders.currency,
    count(*) AS orders_count,
    count(*) FILTER (WHERE orders.status = 'cancelled') AS cancelled_orders_count,
    count(DISTINCT orders.customer_id) AS customers_count,
    CAST(coalesce(sum(orders.total_amount) FILTER (WHERE orders.status <> 'cancelled'), 0) AS DECIMAL(18, 2))
        AS gross_amount,
    CAST(coalesce(sum(lines.line_amount) FILTER (WHERE orders.status <> 'cancelled'), 0) AS DECIMAL(18, 2))
        AS line_amount,
    CAST(
        coalesce(sum(orders.total_amount) FILTER (WHERE orders.status <> 'cancelled'), 0)
        - coalesce(sum(lines.line_amount) FILTER (WHERE orders.status <> 'cancelled'), 0) AS DECIMAL(18, 2)
    ) AS unexplained_amount
FROM curated.commerce.orders AS orders
LEFT JOIN lines ON lines.order_id = orders.order_id
WHERE orders.order_date >= $partition_start AND orders.order_date < $partition_end
GROUP BY orders.order_date, orders.currency
