-- One row a DFU, month and type; no row is zero demand. Only sales_ck is unique: a late correction is one more row.
CREATE TABLE IF NOT EXISTS {sales_table} (
    sales_sk bigserial PRIMARY KEY,
    sales_ck text NOT NULL UNIQUE,
    dmdunit text NOT NULL,
    dmdgroup text NOT NULL,
    loc text NOT NULL,
    startdate date NOT NULL CHECK (extract(day FROM startdate) = 1),
    type integer NOT NULL CHECK (type = 1),
    qty_shipped numeric(18, 4),
    qty_ordered numeric(18, 4),
    qty numeric(18, 4),
    file_dt date,
    load_ts timestamptz DEFAULT now(),
    modified_ts timestamptz DEFAULT now()
);
