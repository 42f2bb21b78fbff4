-- the columns of a table that the role may read, each with the family of its type; the kind of table is r, p, v, m or f
SELECT
    c.relkind::text AS kind,
    a.attname::text AS name,
    CASE
        WHEN t.typname = 'date' THEN 'date'
        WHEN t.typcategory = 'D' THEN 'timestamp'
        WHEN t.typcategory = 'N' THEN 'number'
        WHEN t.typcategory = 'S' THEN 'text'
        ELSE t.typname
    END AS family,
    format_type(a.atttypid, a.atttypmod) AS type,
    coalesce(nullif(t.typbasetype, 0), t.oid) = 'bpchar'::regtype AS is_padded
FROM pg_class AS c
LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid
    AND a.attnum > 0
    AND NOT a.attisdropped
    AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
LEFT JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.oid = to_regclass(%(table)s)
