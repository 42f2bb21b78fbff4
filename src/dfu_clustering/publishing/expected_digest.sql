-- what labels_digest must find once all is written: the new labels but those without a row to go to
SELECT sum(n)::text || ':' || coalesce(sum(hash), 0)::text
FROM (
    SELECT count(*) AS n, sum(hashtextextended(cluster_label COLLATE "C", hashtextextended(dfu_ck COLLATE "C", 0))) AS hash
    FROM pg_temp.new_labels
    WHERE cluster_label IS NOT NULL
    UNION ALL
    SELECT -count(*), -sum(hashtextextended(new_label COLLATE "C", hashtextextended(dfu_ck COLLATE "C", 0)))
    FROM pg_temp.label_changes
    WHERE place IS NULL AND new_label IS NOT NULL
) AS counted
