-- One row a DFU (dmdunit, dmdgroup, loc). The project writes cluster_assignment and modified_ts, nothing else.
CREATE TABLE IF NOT EXISTS {dfu_table} (
    dfu_sk bigserial PRIMARY KEY,
    dfu_ck text NOT NULL UNIQUE,
    dmdunit text NOT NULL,
    dmdgroup text,
    loc text NOT NULL,
    brand text,
    brand_desc text,
    abc_vol text,
    otc_status text,
    premise text,
    prod_subgrp_desc text,
    region text,
    service_lvl_grp text,
    size text,
    state_plan text,
    supergroup text,
    supplier_desc text,
    sales_div text,
    bot_type_desc text,
    brand_size text,
    cnty text,
    dom_imp_opt text,
    grape_vrty_desc text,
    material text,
    prod_cat_desc text,
    producer_desc text,
    subclass_desc text,
    prod_class_desc text,
    file_dt text,
    histstart text,
    sop_ref text,
    ded_div_sw integer,
    execution_lag integer,
    total_lt integer,
    vintage integer,
    purge_sw integer,
    alcoh_pct numeric(10, 4),
    proof numeric(10, 4),
    cluster_assignment text,
    load_ts timestamptz DEFAULT now(),
    modified_ts timestamptz DEFAULT now()
);

CREATE INDEX IF NOT EXISTS idx_dim_dfu_dmdunit ON {dfu_table} (dmdunit);
CREATE INDEX IF NOT EXISTS idx_dim_dfu_loc ON {dfu_table} (loc);
CREATE INDEX IF NOT EXISTS idx_dim_dfu_brand ON {dfu_table} (brand);
CREATE INDEX IF NOT EXISTS idx_dim_dfu_region ON {dfu_table} (region);
CREATE INDEX IF NOT EXISTS idx_dim_dfu_cluster_assignment ON {dfu_table} (cluster_assignment);
