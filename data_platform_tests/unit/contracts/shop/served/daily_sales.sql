SELECT placed_on AS day, sum(amount) AS sales_amount FROM curated.shop.orders GROUP BY placed_on
