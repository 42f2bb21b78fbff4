UPDATE dim_dfu AS d
SET cluster_assignment = NULL, modified_ts = now()
WHERE d.cluster_assignment IS NOT NULL
  AND NOT EXISTS (SELECT FROM new_labels AS n WHERE n.dfu_ck = d.dfu_ck)
