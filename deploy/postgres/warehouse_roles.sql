-- Roles of this project in the warehouse, each with what its programs need and no more:
--   dfu_worker  reads three tables, updates two columns of the DFU table, makes temporary tables
--   dfu_api     reads the DFU table
-- What a role was granted before on tables, views, sequences and schemas of this database is taken back first, so that no
-- right on a former table is left; a role keeps what it owns.
-- To be run by the owner of the tables (psql --single-transaction --set ON_ERROR_STOP=1 --file …), again after any change.
-- Sets no passwords: a role without one cannot log in with a password until \password gives it one.
-- Other names than these are set before it, as SQL writes a table and as a column is called; python -m
-- deploy.warehouse_roles prints this file with those of the configuration:
--   SELECT set_config('dfu.sales', 'fact_sales_monthly', false), set_config('dfu.dfu', 'dim_dfu', false),
--       set_config('dfu.item', 'dim_item', false), set_config('dfu.label', 'cluster_assignment', false),
--       set_config('dfu.modified_ts', 'modified_ts', false);

DO $$
BEGIN
    IF to_regrole('dfu_worker') IS NULL THEN
        CREATE ROLE dfu_worker LOGIN;
    END IF;
    IF to_regrole('dfu_api') IS NULL THEN
        CREATE ROLE dfu_api LOGIN;
    END IF;
END
$$;

-- what is not set is called as in the project
SELECT
    set_config('dfu.sales', coalesce(nullif(current_setting('dfu.sales', true), ''), 'fact_sales_monthly'), false),
    set_config('dfu.dfu', coalesce(nullif(current_setting('dfu.dfu', true), ''), 'dim_dfu'), false),
    set_config('dfu.item', coalesce(nullif(current_setting('dfu.item', true), ''), 'dim_item'), false),
    set_config('dfu.label', coalesce(nullif(current_setting('dfu.label', true), ''), 'cluster_assignment'), false),
    set_config('dfu.modified_ts', coalesce(nullif(current_setting('dfu.modified_ts', true), ''), 'modified_ts'), false);

-- a right on a column goes with those on its table
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT DISTINCT kind, object, grantee
        FROM (
            SELECT
                CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
                c.oid::regclass::text AS object,
                c.relowner AS owner,
                acl.grantee
            FROM pg_class AS c
            CROSS JOIN LATERAL (
                SELECT grantee FROM aclexplode(c.relacl)
                UNION
                SELECT grantee FROM pg_attribute AS a, aclexplode(a.attacl) WHERE a.attrelid = c.oid
            ) AS acl
            UNION ALL
            SELECT 'SCHEMA', n.oid::regnamespace::text, n.nspowner, acl.grantee
            FROM pg_namespace AS n, aclexplode(n.nspacl) AS acl
        ) AS rights
        WHERE grantee IN ('dfu_worker'::regrole, 'dfu_api'::regrole) AND grantee <> owner
    LOOP
        BEGIN
            EXECUTE format('REVOKE ALL ON %s %s FROM %s', held.kind, held.object, held.grantee::regrole);
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING '% keeps what it holds on % %: only the owner of that can take it back',
                held.grantee::regrole, lower(held.kind), held.object;
        END;
    END LOOP;
END
$$;

-- the names of the database and of the schemas in which the tables were found
DO $$
DECLARE
    sales constant regclass := current_setting('dfu.sales')::regclass;
    dfu constant regclass := current_setting('dfu.dfu')::regclass;
    item constant regclass := current_setting('dfu.item')::regclass;
    schemas constant text := (
        -- in the order in which they were searched here: a name finds the same table
        SELECT string_agg(oid::regnamespace::text, ', ' ORDER BY array_position(current_schemas(true), nspname), nspname)
        FROM pg_namespace
        WHERE oid IN (SELECT relnamespace FROM pg_class WHERE pg_class.oid IN (sales, dfu, item))
    );
    dfu_schema constant regnamespace := (SELECT relnamespace FROM pg_class WHERE oid = dfu);
BEGIN
    EXECUTE format('GRANT SELECT ON %s, %s, %s TO dfu_worker', sales, dfu, item);
    EXECUTE format('GRANT SELECT ON %s TO dfu_api', dfu);
    EXECUTE format(
        'GRANT UPDATE (%I, %I) ON %s TO dfu_worker',
        current_setting('dfu.label'), current_setting('dfu.modified_ts'), dfu
    );
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO dfu_worker, dfu_api', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO dfu_worker', current_database());
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO dfu_worker', schemas);
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO dfu_api', dfu_schema);
    EXECUTE format('ALTER ROLE dfu_worker IN DATABASE %I SET search_path = %s', current_database(), schemas);
    EXECUTE format('ALTER ROLE dfu_api IN DATABASE %I SET search_path = %s', current_database(), dfu_schema);
END
$$;

-- A worker's longest statement reads all sales once. Nothing waits for a lock longer than a publish does by itself.
ALTER ROLE dfu_worker SET statement_timeout = '30min';
ALTER ROLE dfu_worker SET lock_timeout = '60s';
ALTER ROLE dfu_worker SET idle_in_transaction_session_timeout = '15min';
ALTER ROLE dfu_api SET statement_timeout = '15s';
ALTER ROLE dfu_api SET lock_timeout = '2s';
ALTER ROLE dfu_api SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE dfu_api SET default_transaction_read_only = on;

-- What PUBLIC or another role hands on cannot be taken back here, so it is an error.
DO $$
DECLARE
    excess constant text := (
        WITH roles AS (
            SELECT unnest(ARRAY['dfu_worker', 'dfu_api']) AS role
        ),
        tables AS (
            SELECT current_setting('dfu.' || role)::regclass AS name FROM unnest(ARRAY['sales', 'dfu', 'item']) AS role
        ),
        found AS (
            SELECT role, privilege, name::text AS object
            FROM roles, tables, unnest(ARRAY['DELETE', 'TRUNCATE']) AS privilege
            WHERE has_table_privilege(role, name, privilege)
            UNION
            SELECT role, privilege, name::text
            FROM roles, tables, unnest(ARRAY['INSERT', 'UPDATE']) AS privilege, pg_attribute
            WHERE attrelid = name AND attnum > 0 AND NOT attisdropped
                AND has_column_privilege(role, name, attnum, privilege)
                AND NOT (
                    role = 'dfu_worker' AND privilege = 'UPDATE' AND name = current_setting('dfu.dfu')::regclass
                    AND attname IN (current_setting('dfu.label'), current_setting('dfu.modified_ts'))
                )
            UNION
            SELECT role, 'CREATE', 'schema ' || relnamespace::regnamespace
            FROM roles, tables, pg_class
            WHERE oid = name AND has_schema_privilege(role, relnamespace, 'CREATE')
        )
        SELECT string_agg(format('%s: %s on %s', role, privilege, object), E'\n' ORDER BY role, object, privilege)
        FROM found
    );
BEGIN
    IF excess IS NOT NULL THEN
        RAISE EXCEPTION E'These roles may do more than they should:\n%', excess
            USING HINT = 'Revoke it from PUBLIC or from the role that hands it on, then run this again.';
    END IF;
END
$$;
