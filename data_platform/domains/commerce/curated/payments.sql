-- grain: one row per money movement
-- key:   payment_id
SELECT
    payment_id,
    order_id,
    kind,
    method,
    currency,
    amount,
    CAST(CASE kind WHEN 'refund' THEN -amount ELSE amount END AS DECIMAL(18, 2)) AS signed_amount,
    paid_at,
    CAST(paid_at AT TIME ZONE 'UTC' AS DATE) AS payment_date
FROM raw.commerce.payments
