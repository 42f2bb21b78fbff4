-- rows of the DFU table that do not have what was written to them
SELECT d.{dfu.dfu_ck} AS dfu_ck, d.{dfu.cluster_assignment} AS found, n.cluster_label AS written
FROM {dfu_table} AS d
LEFT JOIN pg_temp.new_labels AS n ON n.dfu_ck = d.{dfu.dfu_ck}
WHERE d.{dfu.cluster_assignment}::text COLLATE "C" IS DISTINCT FROM n.cluster_label COLLATE "C"
ORDER BY 1
