UPDATE dim_dfu AS d
SET cluster_assignment = n.cluster_label, modified_ts = now()
FROM new_labels AS n
WHERE n.dfu_ck = d.dfu_ck
  AND d.cluster_assignment IS DISTINCT FROM n.cluster_label
