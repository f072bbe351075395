-- grain: one row per customer record of a snapshot; the platform folds equal successors and adds the intervals
-- key:   customer_id, ordered by updated_at
SELECT
    customer_id,
    trim(full_name) AS full_name,
    lower(email) AS email,
    phone,
    birth_date,
    country,
    city,
    segment,
    marketing_consent,
    updated_at
FROM raw.commerce.customers
