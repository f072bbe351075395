-- grain: one row per customer and currency with at least one order
-- key:   customer_id, currency
WITH totals AS (
    SELECT
        customer_id,
        currency,
        count(*) AS orders_count,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled_orders_count,
        CAST(coalesce(sum(total_amount) FILTER (WHERE status <> 'cancelled'), 0) AS DECIMAL(18, 2)) AS revenue_amount,
        min(order_date) AS first_order_date,
        max(order_date) AS last_order_date
    FROM curated.commerce.orders
    GROUP BY customer_id, currency
)
SELECT
    totals.customer_id,
    totals.currency,
    customers.country,
    customers.segment,
    customers.customer_id IS NOT NULL AS is_active,
    totals.orders_count,
    totals.cancelled_orders_count,
    totals.revenue_amount,
    totals.first_order_date,
    totals.last_order_date
FROM totals
LEFT JOIN curated.commerce.customers AS customers
    ON customers.customer_id = totals.customer_id AND customers.is_current
