-- One row of facts about recent_sales; NULL where there are too few DFUs to tell.
CREATE TEMPORARY TABLE recent_facts AS
SELECT
    1 - sum(months)::float8 / sum(rows)::float8 AS duplicate_share,
    -- duplicates of the as-of month beyond those of the months before
    (1 - count(*) FILTER (WHERE newest_rows > 0)::float8 / nullif(sum(newest_rows), 0)::float8)
        - (1 - sum(months - least(newest_rows, 1))::float8 / nullif(sum(rows - newest_rows), 0)::float8)
        AS duplicate_share_rise,
    greatest(
        coalesce(sum(rows) FILTER (WHERE dfu_ck IS NULL), 0)::float8 / sum(rows)::float8,
        coalesce(sum(newest_rows) FILTER (WHERE dfu_ck IS NULL), 0)::float8 / nullif(sum(newest_rows), 0)::float8
    ) AS orphan_share,
    -- DFUs that sell five times more or less than they usually do, beyond those of the month before
    CASE WHEN count(*) FILTER (WHERE usual_months >= 4 AND newest_qty > 0) >= %(fewest_dfus)s THEN
        avg((abs(ln(newest_qty / usual_qty)) > ln(5))::integer) FILTER (WHERE usual_months >= 4 AND newest_qty > 0)
        - avg((abs(ln(previous_qty / usual_qty)) > ln(5))::integer) FILTER (WHERE usual_months >= 4 AND previous_qty > 0)
    END::float8 AS off_level_share_rise,
    count(*) FILTER (WHERE usual_months >= 4 AND newest_qty > 100 * usual_qty) AS absurd_dfus,
    CASE WHEN count(*) FILTER (WHERE newest_qty > 0 AND previous_qty > 0) >= %(fewest_rows)s THEN
        avg((newest_qty = previous_qty)::integer) FILTER (WHERE newest_qty > 0 AND previous_qty > 0)
    END::float8 AS copied_share,
    (SELECT coalesce(max(share), 0)
     FROM (SELECT sum(share) AS share FROM vanished_groups GROUP BY kind) AS by_kind)::float8 AS vanished_share
FROM recent_sales
