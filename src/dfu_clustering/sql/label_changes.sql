-- every row of dim_dfu that publishing changes; a DFU without a new label gets NULL
CREATE TEMPORARY TABLE label_changes ON COMMIT DROP AS
SELECT d.dfu_ck, d.cluster_assignment AS old_label, n.cluster_label AS new_label
FROM dim_dfu AS d
LEFT JOIN new_labels AS n ON n.dfu_ck = d.dfu_ck
WHERE d.cluster_assignment IS DISTINCT FROM n.cluster_label
