-- The clean shop of one day in bulk: one view per raw dataset, at the grain and with the columns of its files.
-- Session variables: seed, day (DATE), first_day (DATE), customers, products, orders (rows of the day).
-- Nothing here is random: every value is arithmetic over the row's number, the day and the seed.

CREATE MACRO draw(number, salt, bound) AS
    ((number * 48271 + salt * 7919 + getvariable('seed') * 104729) % 2147483647) * 69621 % 2147483647 % bound;
CREATE MACRO money(cents) AS CAST(cents // 100 AS VARCHAR) || '.' || lpad(CAST(cents % 100 AS VARCHAR), 2, '0');
CREATE MACRO moment(instant) AS strftime(instant, '%Y-%m-%dT%H:%M:%SZ');
CREATE MACRO customer_id(number) AS 'C' || lpad(CAST(number AS VARCHAR), 7, '0');
CREATE MACRO product_id(number) AS 'P' || lpad(CAST(number AS VARCHAR), 5, '0');
CREATE MACRO currency_of(customer) AS ['EUR', 'GBP', 'USD'][1 + draw(customer, 3, 3)];
CREATE MACRO price_cents(product) AS 250 + 5 * draw(product, 5, 1750);
CREATE MACRO order_number(number) AS datediff('day', getvariable('first_day'), getvariable('day')) * 100000000 + number;
CREATE MACRO line_product(id, line) AS 1 + (draw(id, 11, getvariable('products')) + line) % getvariable('products');
CREATE MACRO line_quantity(id, line) AS 1 + draw(id * 5 + line, 13, 4);
CREATE MACRO line_cents(id, line) AS line_quantity(id, line) * price_cents(line_product(id, line));
CREATE MACRO order_cents(id, lines) AS
    line_cents(id, 1)
    + IF(lines >= 2, line_cents(id, 2), 0)
    + IF(lines >= 3, line_cents(id, 3), 0)
    + IF(lines >= 4, line_cents(id, 4), 0);

CREATE VIEW customers AS
SELECT
    customer_id(number) AS customer_id,
    ['Ada', 'Ben', 'Carla', 'Daniel', 'Elena'][1 + draw(number, 1, 5)] || ' '
        || ['Adler', 'Bakker', 'Cohen', 'Dubois', 'Evans'][1 + draw(number, 2, 5)] AS full_name,
    'customer.' || number || '@example.com' AS email,
    '+4930' || CAST(100000 + draw(number, 4, 900000) AS VARCHAR) AS phone,
    strftime(DATE '1950-01-01' + CAST(draw(number, 6, 20000) AS INTEGER), '%Y-%m-%d') AS birth_date,
    ['DE', 'GB', 'US'][1 + draw(number, 3, 3)] AS country,
    ['Berlin', 'Leeds', 'Austin'][1 + draw(number, 3, 3)] AS city,
    ['new', 'regular', 'vip'][1 + draw(number, 7, 3)] AS segment,
    draw(number, 8, 5) > 1 AS marketing_consent,
    moment(getvariable('first_day') - INTERVAL 12 HOUR) AS updated_at
FROM range(1, getvariable('customers') + 1) AS source(number);

CREATE VIEW products AS
SELECT
    product_id(number) AS product_id,
    ['Oak', 'Linen', 'Brass'][1 + draw(number, 9, 3)] || ' Item ' || number AS name,
    ['Kitchen', 'Living', 'Garden', 'Office'][1 + draw(number, 10, 4)] AS category,
    money(price_cents(number)) AS list_price,
    strftime(getvariable('first_day') - 100, '%Y-%m-%d') AS launched_on,
    'upsert' AS change,
    moment(getvariable('first_day') - INTERVAL 12 HOUR) AS updated_at
FROM range(1, getvariable('products') + 1) AS source(number)
WHERE getvariable('day') = getvariable('first_day');

-- One row per order of the day, as numbers; the files below are spelled from it.
CREATE VIEW trade AS
SELECT
    id,
    'O' || strftime(getvariable('day'), '%Y%m%d') || '-' || lpad(CAST(number AS VARCHAR), 6, '0') AS order_id,
    1 + draw(id, 21, getvariable('customers')) AS customer,
    getvariable('day') + to_seconds(1800 + draw(id, 22, 79200)) AS ordered_at,
    1 + id % 4 AS line_count,
    order_cents(id, 1 + id % 4) AS total_cents
FROM (SELECT number, order_number(number) AS id FROM range(1, getvariable('orders') + 1) AS source(number));

CREATE VIEW orders AS
SELECT
    order_id,
    customer_id(customer) AS customer_id,
    moment(ordered_at) AS ordered_at,
    IF(id % 4 = 0, 'paid', 'shipped') AS status,
    currency_of(customer) AS currency,
    money(total_cents) AS total_amount
FROM trade;

CREATE VIEW order_lines AS
SELECT
    order_id,
    line AS line_number,
    product_id(line_product(id, line)) AS product_id,
    moment(ordered_at) AS ordered_at,
    line_quantity(id, line) AS quantity,
    money(price_cents(line_product(id, line))) AS unit_price,
    money(line_cents(id, line)) AS line_amount
FROM (SELECT trade.*, unnest(range(1, line_count + 1)) AS line FROM trade);

CREATE VIEW payments AS
SELECT
    'PAY-' || order_id[2:] || '-1' AS payment_id,
    order_id,
    'capture' AS kind,
    ['card', 'paypal', 'bank_transfer'][1 + draw(customer, 23, 3)] AS method,
    currency_of(customer) AS currency,
    CAST(CAST(total_cents AS DECIMAL(16, 0)) * CAST(0.01 AS DECIMAL(2, 2)) AS DECIMAL(18, 2)) AS amount,
    CAST(ordered_at + INTERVAL 90 SECOND AS TIMESTAMP WITH TIME ZONE) AS paid_at
FROM trade;

-- Three sessions an order: one buys (five events), two look around (two events each).
CREATE VIEW web_events AS
SELECT
    'E' || order_id[2:] || '-' || step AS event_id,
    'S' || order_id[2:] || '-' || session AS session_id,
    ['page_view', 'product_view', 'add_to_cart', 'checkout_start', 'purchase'][event_step] AS event_type,
    moment(ordered_at - to_seconds(60 * (5 - event_step))) AS event_time,
    IF(event_step >= 4, customer_id(customer), NULL) AS customer_id,
    IF(event_step IN (2, 3), product_id(line_product(id, 1)), NULL) AS product_id,
    IF(event_step = 5, order_id, NULL) AS order_id,
    'https://shop.example.com/' || ['', 'p', 'p', 'checkout', 'thank-you'][event_step] AS page_url,
    1 AS send_attempt,
    {
        'device': ['mobile', 'desktop', 'tablet'][1 + draw(id + session, 24, 3)],
        'browser': ['Firefox', 'Chrome', 'Safari'][1 + draw(id + session, 25, 3)],
        'country': ['DE', 'GB', 'US'][1 + draw(customer, 3, 3)],
        'campaign': CAST(NULL AS VARCHAR)
    } AS context
FROM (
    SELECT
        trade.*,
        step,
        CASE WHEN step <= 5 THEN 1 WHEN step <= 7 THEN 2 ELSE 3 END AS session,
        CASE WHEN step <= 5 THEN step WHEN step <= 7 THEN step - 5 ELSE step - 7 END AS event_step
    FROM (SELECT trade.*, unnest(range(1, 10)) AS step FROM trade) AS trade
);

CREATE VIEW revenue AS
SELECT
    strftime(getvariable('day'), '%Y-%m-%d') AS order_date,
    currency_of(customer) AS currency,
    count(*) AS orders_count,
    CAST(sum(total_cents) AS BIGINT) AS cents
FROM trade
GROUP BY ALL
ORDER BY currency;
