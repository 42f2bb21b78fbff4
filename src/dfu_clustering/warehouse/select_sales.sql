SELECT dmdunit, dmdgroup, loc, startdate, qty
FROM fact_sales_monthly
WHERE startdate <= '{last_day}'
  AND {condition}
