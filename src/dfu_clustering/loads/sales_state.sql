-- What a load changes, of the months up to the last day or the newest month, and the span of all months: in one pass.
-- Times are UTC text, the sum of numerics is exact in any order of the rows.
WITH days AS MATERIALIZED (
    SELECT
        startdate,
        count(*) AS rows,
        max(load_ts) AS load_ts,
        max(modified_ts) AS modified_ts,
        sum(qty) AS qty
    FROM {timed_sales} AS s
    WHERE startdate IS NOT NULL
    GROUP BY startdate
),

all_days AS (
    SELECT
        min(startdate) AS oldest,
        max(startdate) AS newest,
        sum(rows)::bigint AS rows,
        coalesce({last_day}::date, (date_trunc('month', max(startdate)) + interval '1 month - 1 day')::date) AS last_day
    FROM days
)

SELECT
    a.oldest,
    a.newest,
    a.rows AS all_rows,
    coalesce(sum(d.rows), 0)::bigint AS rows,
    to_char(max(d.load_ts) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS newest_load_ts,
    to_char(max(d.modified_ts) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS newest_modified_ts,
    sum(d.qty)::text AS total_qty
FROM all_days AS a
LEFT JOIN days AS d ON d.startdate <= a.last_day
GROUP BY a.oldest, a.newest, a.rows
