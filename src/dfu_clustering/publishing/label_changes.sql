-- The one join of the DFU table with the new labels: every row that publishing changes, in the order in which the table lies
-- (ctid is its place), and what only one side knows. Of known DFUs without a label new_labels holds NULL; a DFU that it
-- does not hold at all has appeared, a label without a place has no row to go to.
CREATE TEMPORARY TABLE pg_temp.label_changes ON COMMIT DROP AS
SELECT
    d.ctid AS place,
    coalesce(d.{dfu.dfu_ck}, n.dfu_ck) AS dfu_ck,
    d.{dfu.cluster_assignment} AS old_label,
    n.cluster_label AS new_label,
    n.dfu_ck IS NULL AS appeared
FROM {dfu_table} AS d
FULL JOIN pg_temp.new_labels AS n ON n.dfu_ck = d.{dfu.dfu_ck}
WHERE d.{dfu.cluster_assignment} IS DISTINCT FROM n.cluster_label OR n.dfu_ck IS NULL
ORDER BY d.ctid
