UPDATE dim_dfu AS d
SET cluster_assignment = c.new_label, modified_ts = now()
FROM label_changes AS c
WHERE c.dfu_ck = d.dfu_ck
