SELECT min(startdate), max(startdate), count(*), count(*) - count(startdate) FROM {sales} AS s
