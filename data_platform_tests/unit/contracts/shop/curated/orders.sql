SELECT * FROM raw.shop.orders
