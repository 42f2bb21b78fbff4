-- One row of facts about the DFUs.
CREATE TEMPORARY TABLE pg_temp.dfu_facts AS
SELECT
    count(*) AS dfus,
    1 - count(i.item_no)::float8 / nullif(count(*), 0)::float8 AS without_item_share,
    avg((d.dfu_ck IS DISTINCT FROM d.dmdunit || '_' || d.dmdgroup || '_' || d.loc)::integer)::float8 AS other_key_share,
    (
        SELECT coalesce(sum(rows), 0)
        FROM (
            SELECT count(*) AS rows
            FROM pg_temp.judged_dfus
            WHERE dmdunit IS NOT NULL AND dmdgroup IS NOT NULL AND loc IS NOT NULL
            GROUP BY dmdunit, dmdgroup, loc
            HAVING count(*) > 1
        ) AS several
    )::bigint AS repeated_dfus
FROM pg_temp.judged_dfus AS d
LEFT JOIN (SELECT DISTINCT item_no FROM pg_temp.judged_items) AS i ON i.item_no = d.dmdunit
