-- grain: one row per rating
-- key:   rating_id
SELECT
    rating_id,
    item,
    stars
FROM raw.kiosk.ratings
