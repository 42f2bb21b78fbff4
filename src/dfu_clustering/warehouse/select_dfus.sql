SELECT
    dfu_ck, dmdunit, dmdgroup, loc,
    brand, region, state_plan, sales_div, prod_cat_desc, abc_vol, service_lvl_grp, supergroup,
    execution_lag, total_lt, alcoh_pct, proof
FROM dim_dfu
WHERE {condition}
