-- The one pass over all sales: what a load changes, of the months up to the last day or the newest month; the span of all
-- months; and the facts of every day by which the gate judges the rows, as JSON, other sales among them.
-- Times are UTC text; the sums of numerics and of hashes are exact in any order of the rows. The hash of a row begins with
-- its keys, each the seed of the next, and ends with its quantity. What can be said of a day is said of the day, not of
-- each of its rows.
WITH days AS MATERIALIZED (
    SELECT
        CASE WHEN written_date::date BETWEEN {calendar} THEN written_date::date END AS startdate,
        other,
        count(*) AS rows,
        count(*) FILTER (
            WHERE dmdunit = '' OR loc = '' OR dmdunit IS NULL OR dmdgroup IS NULL OR loc IS NULL
        ) AS keyless_rows,
        min(load_ts) AS first_load,
        max(load_ts) AS last_load,
        max(modified_ts) AS modified_ts,
        sum(qty) AS qty,
        max(qty) AS largest_qty,
        min(qty) AS smallest_qty,
        count(*) - count(qty) AS null_rows,
        count(*) FILTER (WHERE qty < 0) AS negative_rows,
        count(*) FILTER (WHERE qty = 0) AS zero_rows,
        sum({row_hash}) AS content
    FROM {judged_sales} AS s
    GROUP BY written_date::date, other
),

all_days AS (
    SELECT
        min(startdate) AS oldest,
        max(startdate) AS newest,
        sum(rows)::bigint AS rows,
        coalesce(sum(rows) FILTER (WHERE startdate IS NULL), 0)::bigint AS undated_rows,
        coalesce({last_day}::date, (date_trunc('month', max(startdate)) + interval '1 month - 1 day')::date) AS last_day
    FROM days
    WHERE NOT other
),

months AS (
    SELECT
        to_char(d.startdate, 'YYYY-MM') AS month,
        sum(d.rows) AS rows,
        max(d.last_load) AS load_ts,
        max(d.modified_ts) AS modified_ts,
        sum(d.qty) AS qty,
        sum(d.content) AS content
    FROM days AS d
    INNER JOIN all_days AS a ON d.startdate <= a.last_day
    WHERE NOT d.other
    GROUP BY 1
)

SELECT
    a.oldest,
    a.newest,
    a.rows AS all_rows,
    a.undated_rows,
    coalesce(sum(m.rows), 0)::bigint AS rows,
    to_char(max(m.load_ts) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS newest_load_ts,
    to_char(max(m.modified_ts) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS newest_modified_ts,
    sum(m.qty)::text AS total_qty,
    json_object_agg(
        m.month,
        md5(concat_ws('|', m.rows, m.qty, m.content, m.load_ts AT TIME ZONE 'UTC', m.modified_ts AT TIME ZONE 'UTC'))
    ) FILTER (WHERE m.month IS NOT NULL) AS months,
    (SELECT json_agg(d)::text FROM days AS d) AS days
FROM all_days AS a
LEFT JOIN months AS m ON true
GROUP BY a.oldest, a.newest, a.rows, a.undated_rows
