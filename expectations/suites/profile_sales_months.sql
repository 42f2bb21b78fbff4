-- One row a month up to the as-of month, of the days that the state of the sales has counted; month NULL: rows without a
-- startdate.
CREATE TEMPORARY TABLE pg_temp.sales_months AS
SELECT
    date_trunc('month', startdate)::date AS month,
    sum(rows)::bigint AS rows,
    coalesce(sum(rows) FILTER (WHERE extract(day FROM startdate) <> 1), 0)::bigint AS off_first_rows,
    (sum(keyless_rows))::bigint AS keyless_rows,
    coalesce(sum(rows) FILTER (WHERE other), 0)::bigint AS other_type_rows,
    -- days by which a month's first load came before the month itself, at most 0 where it came after
    extract(epoch FROM max(startdate - first_load::timestamp)) / 86400 AS loaded_early_days,
    min(first_load)::timestamp AS first_load,
    max(last_load)::timestamp AS last_load,
    CASE WHEN bool_or(not_finite) THEN 1 ELSE 0 END AS not_finite,
    CASE WHEN NOT bool_or(not_finite) THEN sum(qty)::float8 END AS volume,
    CASE WHEN NOT bool_or(not_finite) THEN greatest(max(largest_qty), -min(smallest_qty))::float8 END AS largest_qty,
    sum(null_rows)::float8 / sum(rows)::float8 AS null_share,
    sum(negative_rows)::float8 / sum(rows)::float8 AS negative_share,
    sum(zero_rows)::float8 / sum(rows)::float8 AS zero_share
FROM (
    SELECT *, largest_qty::float8 IN ('NaN', 'Infinity') OR smallest_qty::float8 = '-Infinity' AS not_finite
    FROM json_to_recordset(%(days)s::json) AS days (
        startdate date, other boolean, rows bigint, keyless_rows bigint, first_load timestamptz, last_load timestamptz,
        qty numeric, largest_qty numeric, smallest_qty numeric, null_rows bigint, negative_rows bigint, zero_rows bigint
    )
    WHERE startdate <= %(last_day)s OR startdate IS NULL
) AS judged_days
GROUP BY 1
