SELECT min(startdate), max(startdate), count(*) FROM {sales} AS s
