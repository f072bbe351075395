-- grain: one row per day with at least one invoice line
-- key:   invoice_date
SELECT
    invoice_date,
    count(DISTINCT invoice_no) FILTER (WHERE NOT is_cancellation) AS invoices_count,
    count(DISTINCT invoice_no) FILTER (WHERE is_cancellation) AS cancellations_count,
    count(*) AS lines_count,
    count(*) FILTER (WHERE customer_id IS NULL) AS lines_without_customer_count,
    CAST(coalesce(sum(line_amount) FILTER (WHERE NOT is_cancellation), 0) AS DECIMAL(18, 2)) AS sales_amount,
    CAST(coalesce(sum(line_amount) FILTER (WHERE is_cancellation), 0) AS DECIMAL(18, 2)) AS cancelled_amount,
    CAST(sum(line_amount) AS DECIMAL(18, 2)) AS net_amount
FROM curated.retail.invoice_lines
WHERE invoice_date >= $partition_start AND invoice_date < $partition_end
GROUP BY invoice_date
