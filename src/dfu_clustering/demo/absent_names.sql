-- locations and items that sold in each of the three months before a month: how many there are, how many have no row in
-- the month itself, and the first of these
SELECT
    kind,
    count(*) AS usual,
    count(*) FILTER (WHERE NOT is_there) AS absent,
    (array_agg(name ORDER BY name) FILTER (WHERE NOT is_there))[1:5] AS first_absent
FROM (
    SELECT
        kind, name,
        count(DISTINCT startdate) FILTER (WHERE startdate < '{month}'::date) AS months_before,
        bool_or(startdate = '{month}'::date) AS is_there
    FROM (
        SELECT DISTINCT dmdunit, loc, startdate
        FROM {sales} AS s
        WHERE startdate BETWEEN ('{month}'::date - interval '3 months')::date AND '{month}'::date
    ) AS sold
    CROSS JOIN LATERAL (VALUES ('locations', loc), ('items', dmdunit)) AS k (kind, name)
    GROUP BY kind, name
) AS names
WHERE months_before = 3
GROUP BY kind
ORDER BY kind DESC
