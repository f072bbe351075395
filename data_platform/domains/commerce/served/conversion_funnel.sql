-- grain: one row per day and device with at least one visit
-- key:   event_date, device
-- The rate is integer arithmetic in basis points: a division of decimals would give a float.
SELECT
    event_date,
    device,
    count(DISTINCT session_id) AS visits_count,
    count(DISTINCT session_id) FILTER (WHERE event_type = 'product_view') AS product_view_visits_count,
    count(DISTINCT session_id) FILTER (WHERE event_type = 'add_to_cart') AS cart_visits_count,
    count(DISTINCT session_id) FILTER (WHERE event_type = 'checkout_start') AS checkout_visits_count,
    count(DISTINCT session_id) FILTER (WHERE event_type = 'purchase') AS purchase_visits_count,
    10000 * count(DISTINCT session_id) FILTER (WHERE event_type = 'purchase') // count(DISTINCT session_id)
        AS conversion_basis_points
FROM curated.commerce.web_events
WHERE event_date >= $partition_start AND event_date < $partition_end
GROUP BY event_date, device
