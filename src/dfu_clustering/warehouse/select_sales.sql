SELECT dmdunit, dmdgroup, loc, startdate, qty
FROM {sales} AS s
WHERE startdate <= '{last_day}'
  AND {condition}
