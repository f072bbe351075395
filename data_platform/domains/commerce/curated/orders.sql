-- grain: one row per order
-- key:   order_id
SELECT
    order_id,
    customer_id,
    ordered_at,
    CAST(ordered_at AT TIME ZONE 'UTC' AS DATE) AS order_date,
    status,
    currency,
    total_amount
FROM raw.commerce.orders
