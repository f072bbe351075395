-- grain: one row per invoice line of the source
-- key:   all business columns; the source has no key of its own
-- Two spellings of one text (stray spaces, article codes in both cases) become one before lines are compared.
SELECT
    InvoiceNo AS invoice_no,
    upper(trim(StockCode)) AS stock_code,
    nullif(trim(regexp_replace(Description, '\s+', ' ', 'g')), '') AS description,
    Quantity AS quantity,
    InvoiceDate AS invoiced_at,
    CAST(InvoiceDate AT TIME ZONE 'UTC' AS DATE) AS invoice_date,
    UnitPrice AS unit_price,
    CAST(Quantity * UnitPrice AS DECIMAL(18, 2)) AS line_amount,
    regexp_replace(CustomerID, '[.]0$', '') AS customer_id,
    trim(Country) AS country,
    starts_with(InvoiceNo, 'C') AS is_cancellation
FROM raw.retail.online_retail_lines
