-- what may come between an UPDATE of the DFU table and its rows: row-level security that holds for this role, rules,
-- triggers, of its partitions too
SELECT 'row-level security' AS kind, current_user::text AS name
WHERE row_security_active(to_regclass(%(table)s))
UNION ALL
SELECT 'rule', rulename::text FROM pg_rewrite
WHERE ev_class = to_regclass(%(table)s) AND ev_type = '2'
UNION
SELECT 'trigger', tgname::text FROM pg_trigger
WHERE NOT tgisinternal AND tgenabled <> 'D' AND (tgtype & 16) <> 0
    AND tgrelid IN (
        SELECT to_regclass(%(table)s)::oid
        UNION ALL
        SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(%(table)s)
    )
ORDER BY 1, 2
