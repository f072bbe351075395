-- grain: one row per different cancelled line
-- key:   cancellation_no, stock_code, quantity, unit_price, cancelled_at
WITH cancelled AS (
    SELECT
        invoice_no,
        stock_code,
        quantity,
        unit_price,
        invoiced_at,
        line_amount,
        min(customer_id) AS customer_id,
        min(description) AS description,
        count(*) AS lines_count
    FROM curated.retail.invoice_lines
    WHERE is_cancellation
    GROUP BY invoice_no, stock_code, quantity, unit_price, invoiced_at, line_amount
),
-- one row per cancelled article and moment for which an earlier sale to the same customer is known
sold AS (
    SELECT cancelled.invoice_no, cancelled.stock_code, cancelled.invoiced_at, max(sales.invoiced_at) AS sold_at
    FROM cancelled
    INNER JOIN curated.retail.invoice_lines AS sales
        ON
            sales.customer_id = cancelled.customer_id
            AND sales.stock_code = cancelled.stock_code
            AND NOT sales.is_cancellation
            AND sales.invoiced_at <= cancelled.invoiced_at
    GROUP BY cancelled.invoice_no, cancelled.stock_code, cancelled.invoiced_at
)
SELECT
    cancelled.invoice_no AS cancellation_no,
    cancelled.stock_code,
    cancelled.quantity,
    cancelled.unit_price,
    cancelled.invoiced_at AS cancelled_at,
    cancelled.line_amount AS cancelled_amount,
    cancelled.customer_id,
    cancelled.description,
    cancelled.lines_count,
    sold.sold_at,
    datediff('hour', sold.sold_at, cancelled.invoiced_at) // 24 AS days_since_sale
FROM cancelled
LEFT JOIN sold
    ON
        sold.invoice_no = cancelled.invoice_no
        AND sold.stock_code = cancelled.stock_code
        AND sold.invoiced_at = cancelled.invoiced_at
