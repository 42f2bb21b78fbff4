-- which DFU has which label, in any order of the rows: how many have one, and the sum of a hash of each. The hash of the
-- key is the seed of that of the label.
SELECT count(*)::text || ':' || coalesce(sum(
    hashtextextended({dfu.cluster_assignment}::text COLLATE "C", hashtextextended({dfu.dfu_ck}::text COLLATE "C", 0))
), 0)::text
FROM {dfu_table}
WHERE {dfu.cluster_assignment} IS NOT NULL
