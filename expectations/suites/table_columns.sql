SELECT
    -- the columns of a table that the role may read, each with the family of its type
    a.attname::text AS column_name,
    a.attname || ' ' || CASE
        WHEN t.typname = 'date' THEN 'date'
        WHEN t.typcategory = 'D' THEN 'timestamp'
        WHEN t.typcategory = 'N' THEN 'number'
        WHEN t.typcategory = 'S' THEN 'text'
        ELSE t.typname
    END AS column_and_type
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass('{table}')
  AND a.attnum > 0
  AND NOT a.attisdropped
  AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
