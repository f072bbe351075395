-- grain: one row per order and currency that was billed or paid
-- key:   order_id, currency
WITH billed AS (
    SELECT
        order_id,
        currency,
        order_date,
        CAST(CASE status WHEN 'cancelled' THEN 0 ELSE total_amount END AS DECIMAL(18, 2)) AS billed_amount
    FROM curated.commerce.orders
),
paid AS (
    SELECT
        order_id,
        currency,
        CAST(sum(signed_amount) AS DECIMAL(18, 2)) AS paid_amount,
        count(*) AS payments_count
    FROM curated.commerce.payments
    GROUP BY order_id, currency
),
matched AS (
    SELECT
        coalesce(billed.order_id, paid.order_id) AS order_id,
        coalesce(billed.currency, paid.currency) AS currency,
        billed.order_date,
        billed.order_id IS NOT NULL AS is_billed,
        CAST(coalesce(billed.billed_amount, 0) AS DECIMAL(18, 2)) AS billed_amount,
        CAST(coalesce(paid.paid_amount, 0) AS DECIMAL(18, 2)) AS paid_amount,
        coalesce(paid.payments_count, 0) AS payments_count
    FROM billed
    FULL JOIN paid ON paid.order_id = billed.order_id AND paid.currency = billed.currency
)
SELECT
    order_id,
    currency,
    order_date,
    billed_amount,
    paid_amount,
    CAST(billed_amount - paid_amount AS DECIMAL(18, 2)) AS difference,
    payments_count,
    CASE
        WHEN NOT is_billed THEN 'payment_without_order'
        WHEN billed_amount = paid_amount THEN 'settled'
        WHEN payments_count = 0 THEN 'unpaid'
        WHEN billed_amount > paid_amount THEN 'underpaid'
        ELSE 'overpaid'
    END AS status
FROM matched
