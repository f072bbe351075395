-- grain: one row per event; of several attempts the highest send_attempt wins
-- key:   event_id
SELECT
    event_id,
    session_id,
    event_type,
    event_time,
    CAST(event_time AT TIME ZONE 'UTC' AS DATE) AS event_date,
    customer_id,
    product_id,
    order_id,
    page_url,
    coalesce(context.device, 'unknown') AS device,
    context.browser AS browser,
    context.country AS visitor_country,
    context.campaign AS campaign,
    send_attempt
FROM raw.commerce.web_events
