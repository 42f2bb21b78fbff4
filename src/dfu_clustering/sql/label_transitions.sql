-- what publishing would do to every row of dim_dfu, counted
SELECT d.cluster_assignment AS old_label, n.cluster_label AS new_label, count(*) AS dfus
FROM dim_dfu AS d
LEFT JOIN new_labels AS n ON n.dfu_ck = d.dfu_ck
GROUP BY d.cluster_assignment, n.cluster_label
ORDER BY dfus DESC, old_label, new_label
