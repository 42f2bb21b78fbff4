-- what publishing would do to every row of the DFU table, counted: what changes, and what is left of each label's rows
SELECT old_label, new_label, sum(dfus)::bigint AS dfus
FROM (
    SELECT old_label, new_label, count(*) AS dfus FROM pg_temp.label_changes WHERE place IS NOT NULL GROUP BY 1, 2
    UNION ALL
    SELECT {dfu.cluster_assignment}, {dfu.cluster_assignment}, count(*) FROM {dfu_table} GROUP BY 1
    UNION ALL
    SELECT old_label, old_label, -count(*) FROM pg_temp.label_changes WHERE place IS NOT NULL GROUP BY 1
) AS counted
GROUP BY old_label, new_label
HAVING sum(dfus) > 0
ORDER BY dfus DESC, old_label, new_label
