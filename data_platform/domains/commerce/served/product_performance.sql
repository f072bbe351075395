-- grain: one row per product and currency with at least one line of an order that was not cancelled
-- key:   product_id, currency
WITH sold AS (
    SELECT
        lines.product_id,
        orders.currency,
        count(DISTINCT lines.order_id) AS orders_count,
        CAST(sum(lines.quantity) AS BIGINT) AS units_count,
        CAST(sum(lines.line_amount) AS DECIMAL(18, 2)) AS revenue_amount,
        min(lines.unit_price) AS lowest_unit_price,
        max(lines.unit_price) AS highest_unit_price
    FROM curated.commerce.order_lines AS lines
    INNER JOIN curated.commerce.orders AS orders ON orders.order_id = lines.order_id
    WHERE orders.status <> 'cancelled'
    GROUP BY lines.product_id, orders.currency
)
SELECT
    sold.product_id,
    sold.currency,
    products.name,
    products.category,
    sold.orders_count,
    sold.units_count,
    sold.revenue_amount,
    sold.lowest_unit_price,
    sold.highest_unit_price
FROM sold
LEFT JOIN curated.commerce.products AS products ON products.product_id = sold.product_id
