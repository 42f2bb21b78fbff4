-- One row of facts about dim_dfu.
CREATE TEMPORARY TABLE dfu_facts AS
SELECT
    count(*) AS dfus,
    1 - count(i.item_no)::float8 / nullif(count(*), 0)::float8 AS without_item_share,
    avg((d.dfu_ck IS DISTINCT FROM d.dmdunit || '_' || d.dmdgroup || '_' || d.loc)::integer)::float8 AS other_key_share
FROM dim_dfu AS d
LEFT JOIN (SELECT DISTINCT item_no FROM dim_item) AS i ON i.item_no = d.dmdunit
