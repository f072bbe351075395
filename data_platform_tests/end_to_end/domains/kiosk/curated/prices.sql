-- grain: one row per change of a price; the platform keeps the newest of each item
-- key:   item, ordered by revision
SELECT
    item,
    price,
    revision
FROM raw.kiosk.prices
