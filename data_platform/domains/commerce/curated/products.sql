-- grain: one row per change of a product; the platform keeps the newest of each
-- key:   product_id, ordered by updated_at
SELECT
    product_id,
    trim(name) AS name,
    category,
    list_price,
    launched_on,
    change,
    updated_at
FROM raw.commerce.products
