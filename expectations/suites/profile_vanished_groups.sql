-- Locations, customer groups and regions that sell regularly but hardly in the as-of month, unless they paused in the
-- same month a year ago too. share = their part of the rows of the three months before.
CREATE TEMPORARY TABLE pg_temp.vanished_groups AS
SELECT kind, name, share
FROM (
    SELECT
        kind, name,
        sum(newest_rows) AS newest_rows, sum(usual_rows) AS usual_rows, sum(year_ago_rows) AS year_ago_rows,
        sum(usual_rows) / nullif(sum(sum(usual_rows)) OVER (PARTITION BY kind), 0) AS share,
        sum(sum(year_ago_rows)) OVER (PARTITION BY kind) > 0 AS sold_a_year_ago
    FROM pg_temp.recent_sales
    CROSS JOIN LATERAL (VALUES ('location', loc), ('customer group', dmdgroup), ('region', region::text COLLATE "C")) AS g (kind, name)
    WHERE name IS NOT NULL
    GROUP BY kind, name
) AS grouped
WHERE usual_rows >= %(fewest_rows)s
  AND newest_rows < 0.2 * usual_rows
  AND (year_ago_rows >= 0.2 * usual_rows OR NOT sold_a_year_ago)
