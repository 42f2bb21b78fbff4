-- what a load changes: months are the caller's bound, times are UTC text, the sum of numerics is exact in any row order
SELECT
    count(*) AS rows,
    to_char(max(load_ts) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS newest_load_ts,
    to_char(max(modified_ts) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS newest_modified_ts,
    sum(qty)::text AS total_qty
FROM fact_sales_monthly
WHERE startdate <= %s
