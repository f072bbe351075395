SELECT * FROM raw.shop.customers
