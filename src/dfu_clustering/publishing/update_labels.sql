UPDATE dim_dfu AS d
SET cluster_assignment = c.new_label, modified_ts = now()
FROM pg_temp.label_changes AS c
WHERE d.ctid = c.place AND d.dfu_ck = c.dfu_ck AND c.old_label IS DISTINCT FROM c.new_label
