-- One row a DFU that sold in the as-of month (months_ago 0), the six before it or the same month a year ago (12), with
-- what the DFU table knows of it.
CREATE TEMPORARY TABLE pg_temp.recent_sales AS
SELECT s.*, d.dfu_ck, d.region
FROM (
    SELECT
        dmdunit, dmdgroup, loc,
        count(*) AS rows,
        bit_count(bit_or(1 << months_ago)::bit(16)) AS months,
        count(*) FILTER (WHERE months_ago = 0) AS newest_rows,
        count(*) FILTER (WHERE months_ago BETWEEN 1 AND 3) / 3.0 AS usual_rows,
        count(*) FILTER (WHERE months_ago = 12) AS year_ago_rows,
        (sum(qty) FILTER (WHERE months_ago = 0))::float8 AS newest_qty,
        (sum(qty) FILTER (WHERE months_ago = 1))::float8 AS previous_qty,
        (sum(qty) FILTER (WHERE months_ago = 2))::float8 AS before_previous_qty,
        (sum(qty) FILTER (WHERE months_ago = 12))::float8 AS year_ago_qty,
        (avg(qty) FILTER (WHERE months_ago BETWEEN 1 AND 6 AND qty > 0))::float8 AS usual_qty,
        count(*) FILTER (WHERE months_ago BETWEEN 1 AND 6 AND qty > 0) AS usual_months
    FROM pg_temp.judged_sales
    JOIN (
        SELECT (%(as_of)s::date - make_interval(months => ago))::date AS startdate, ago AS months_ago
        FROM unnest(ARRAY[0, 1, 2, 3, 4, 5, 6, 12]) AS ago
    ) AS recent_months USING (startdate)
    WHERE startdate > %(as_of)s::date - interval '7 months' AND startdate <= %(as_of)s
       OR startdate = %(as_of)s::date - interval '12 months'
    GROUP BY dmdunit, dmdgroup, loc
) AS s
LEFT JOIN pg_temp.judged_dfus AS d USING (dmdunit, dmdgroup, loc)
