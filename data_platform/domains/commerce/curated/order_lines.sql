-- grain: one row per line of an order
-- key:   order_id, line_number
SELECT
    order_id,
    line_number,
    product_id,
    ordered_at,
    CAST(ordered_at AT TIME ZONE 'UTC' AS DATE) AS order_date,
    quantity,
    unit_price,
    line_amount
FROM raw.commerce.order_lines
