SELECT c.system_identifier || '/' || d.oid AS warehouse
FROM pg_control_system() AS c
CROSS JOIN pg_database AS d
WHERE d.datname = current_database()
