-- grain: one row per order
-- key:   order_id
SELECT
    order_id,
    ordered_at,
    CAST(ordered_at AT TIME ZONE 'UTC' AS DATE) AS order_date,
    member_id,
    item,
    quantity,
    currency,
    amount
FROM raw.kiosk.orders
