-- sessions that hold what a publisher waits for: the advisory lock, or the DFU table in a mode that stops writing
SELECT DISTINCT a.pid, a.usename, a.application_name, a.state, date_trunc('second', now() - a.xact_start)::text AS since
FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.granted
    AND l.pid <> pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (
        (l.locktype = 'advisory' AND l.classid = 0 AND l.objid::bigint = %(advisory_lock)s)
        OR (l.relation = to_regclass(%(table)s) AND l.mode NOT IN ('AccessShareLock'))
    )
ORDER BY a.pid
