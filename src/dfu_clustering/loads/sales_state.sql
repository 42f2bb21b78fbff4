-- What a load changes, of the months up to the last day or the newest month, and the span of all months: in one pass.
-- Times are UTC text; the sums of numerics and of hashes are exact in any order of the rows. The hash of a row begins with
-- its keys, each the seed of the next, and ends with its quantity.
WITH days AS MATERIALIZED (
    SELECT
        startdate,
        count(*) AS rows,
        max(load_ts) AS load_ts,
        max(modified_ts) AS modified_ts,
        sum(qty) AS qty,
        sum({row_hash}) AS content
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
),

months AS (
    SELECT
        to_char(d.startdate, 'YYYY-MM') AS month,
        sum(d.rows) AS rows,
        max(d.load_ts) AS load_ts,
        max(d.modified_ts) AS modified_ts,
        sum(d.qty) AS qty,
        sum(d.content) AS content
    FROM days AS d
    INNER JOIN all_days AS a ON d.startdate <= a.last_day
    GROUP BY 1
)

SELECT
    a.oldest,
    a.newest,
    a.rows AS all_rows,
    coalesce(sum(m.rows), 0)::bigint AS rows,
    to_char(max(m.load_ts) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS newest_load_ts,
    to_char(max(m.modified_ts) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS newest_modified_ts,
    sum(m.qty)::text AS total_qty,
    json_object_agg(
        m.month,
        md5(concat_ws('|', m.rows, m.qty, m.content, m.load_ts AT TIME ZONE 'UTC', m.modified_ts AT TIME ZONE 'UTC'))
    ) FILTER (WHERE m.month IS NOT NULL) AS months
FROM all_days AS a
LEFT JOIN months AS m ON true
GROUP BY a.oldest, a.newest, a.rows
