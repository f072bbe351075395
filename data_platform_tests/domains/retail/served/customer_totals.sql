-- grain: one row per customer with a number
-- key:   customer_id
SELECT
    customer_id,
    struct_extract(max({'invoiced_at': invoiced_at, 'country': country}), 'country') AS country,
    count(DISTINCT invoice_no) FILTER (WHERE NOT is_cancellation) AS invoices_count,
    count(DISTINCT invoice_no) FILTER (WHERE is_cancellation) AS cancellations_count,
    CAST(coalesce(sum(line_amount) FILTER (WHERE NOT is_cancellation), 0) AS DECIMAL(18, 2)) AS sales_amount,
    CAST(coalesce(sum(line_amount) FILTER (WHERE is_cancellation), 0) AS DECIMAL(18, 2)) AS cancelled_amount,
    CAST(sum(line_amount) AS DECIMAL(18, 2)) AS net_amount,
    min(invoice_date) AS first_invoice_date,
    max(invoice_date) AS last_invoice_date
FROM curated.retail.invoice_lines
WHERE customer_id IS NOT NULL
GROUP BY customer_id
