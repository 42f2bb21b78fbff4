UPDATE {dfu_table} AS d
SET {dfu.cluster_assignment} = c.new_label, {dfu.modified_ts} = now()
FROM pg_temp.label_changes AS c
WHERE d.ctid = c.place AND d.{dfu.dfu_ck} = c.dfu_ck AND c.old_label IS DISTINCT FROM c.new_label
