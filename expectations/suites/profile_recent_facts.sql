-- One row of facts about recent_sales; NULL where there are too few DFUs to judge.
CREATE TEMPORARY TABLE pg_temp.recent_facts AS
WITH dfus AS (
    SELECT
        *,
        dfu_ck IS NULL AS orphan,
        usual_months >= 4 AND newest_qty > 0 AND year_ago_qty > 0 AS has_level,
        abs(ln(newest_qty / usual_qty)) > ln(5) AND abs(ln(newest_qty / year_ago_qty)) > ln(5) AS off_level,
        newest_qty > 0 AND previous_qty > 0 AND year_ago_qty > 0 AS sells_as_ever,
        newest_qty > 0 AND previous_qty > 0 AS sells_again,
        previous_qty > 0 AND before_previous_qty > 0 AS sold_again
    FROM pg_temp.recent_sales
)
SELECT
    1 - sum(months)::float8 / sum(rows)::float8 AS duplicate_share,
    -- duplicates of the as-of month beyond those of the months before
    (1 - count(*) FILTER (WHERE newest_rows > 0)::float8 / nullif(sum(newest_rows), 0)::float8)
        - (1 - sum(months - least(newest_rows, 1))::float8 / nullif(sum(rows - newest_rows), 0)::float8)
        AS duplicate_share_rise,
    greatest(
        coalesce(sum(rows) FILTER (WHERE orphan), 0)::float8 / sum(rows)::float8,
        coalesce(sum(newest_rows) FILTER (WHERE orphan), 0)::float8 / nullif(sum(newest_rows), 0)::float8
    ) AS orphan_share,
    CASE WHEN count(*) FILTER (WHERE has_level) >= %(fewest_dfus)s THEN
        avg(off_level::integer) FILTER (WHERE has_level)
    END::float8 AS off_level_share,
    -- how far the typical DFU is from the month before, and from a year ago, in logarithms
    CASE WHEN count(*) FILTER (WHERE sells_as_ever) >= %(fewest_rows)s THEN
        percentile_cont(0.5) WITHIN GROUP (ORDER BY ln(newest_qty / previous_qty)) FILTER (WHERE sells_as_ever)
    END AS typical_change,
    CASE WHEN count(*) FILTER (WHERE sells_as_ever) >= %(fewest_rows)s THEN
        percentile_cont(0.5) WITHIN GROUP (ORDER BY ln(newest_qty / year_ago_qty)) FILTER (WHERE sells_as_ever)
    END AS typical_change_of_year,
    count(*) FILTER (WHERE usual_months >= 4 AND newest_qty > 100 * usual_qty) AS absurd_dfus,
    -- DFUs that sell what they sold the month before, beyond those of which that was so the month before
    CASE WHEN least(count(*) FILTER (WHERE sells_again), count(*) FILTER (WHERE sold_again)) >= %(fewest_rows)s THEN
        avg((newest_qty = previous_qty)::integer) FILTER (WHERE sells_again)
        - avg((previous_qty = before_previous_qty)::integer) FILTER (WHERE sold_again)
    END::float8 AS copied_share_rise,
    (
        SELECT coalesce(max(share), 0)
        FROM (SELECT sum(share) AS share FROM pg_temp.vanished_groups GROUP BY kind) AS by_kind
    )::float8 AS vanished_share
FROM dfus
