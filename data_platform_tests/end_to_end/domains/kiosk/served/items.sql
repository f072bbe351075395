-- grain: one row per item with a price
-- key:   item
WITH sold AS (
    SELECT
        orders.item,
        count(DISTINCT orders.order_id) AS orders_count,
        count(DISTINCT members.member_id) AS members_count
    FROM curated.kiosk.orders AS orders
    LEFT JOIN curated.kiosk.members AS members ON members.member_id = orders.member_id AND members.is_current
    GROUP BY orders.item
),
liked AS (
    SELECT item, CAST(sum(stars) AS BIGINT) AS stars_total
    FROM curated.kiosk.ratings
    GROUP BY item
)
SELECT
    prices.item,
    prices.price,
    coalesce(sold.orders_count, 0) AS orders_count,
    coalesce(sold.members_count, 0) AS members_count,
    coalesce(liked.stars_total, 0) AS stars_total
FROM curated.kiosk.prices AS prices
LEFT JOIN sold ON sold.item = prices.item
LEFT JOIN liked ON liked.item = prices.item
