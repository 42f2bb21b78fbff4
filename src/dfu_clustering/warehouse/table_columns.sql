-- the columns of a table that the role may read, each with the family of its type; the kind of table is r, p, v, m or f.
-- A type that is a domain counts as what it is a domain of, however deep. Texts are loose where the database takes some
-- of them for equal that are not the same bytes.
WITH RECURSIVE bases AS (
    SELECT oid AS declared, oid AS base, typbasetype AS next FROM pg_type
    UNION ALL
    SELECT b.declared, t.oid, t.typbasetype FROM bases AS b INNER JOIN pg_type AS t ON t.oid = b.next
)

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
    b.base = 'bpchar'::regtype AS is_padded,
    coalesce(base.typname = 'citext' OR NOT l.collisdeterministic, false) AS is_loose
FROM pg_class AS c
LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid
    AND a.attnum > 0
    AND NOT a.attisdropped
    AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
LEFT JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN bases AS b ON b.declared = t.oid AND b.next = 0
LEFT JOIN pg_type AS base ON base.oid = b.base
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
WHERE c.oid = to_regclass(%(table)s)
