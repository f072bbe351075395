-- grain: one row per order
-- key:   order_id
SELECT
    order_id,
    ordered_at,
    CAST(ordered_at AT TIME ZONE 'UTC' AS DATE) AS order_date,
    customer_email,
    quantity,
    amount
FROM raw.{{domain}}.orders
