"""dim_dfu as the service reads it: every column with its type, which is also what may be filtered and sorted by."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Numeric, Table, Text
from sqlalchemy.types import TypeEngine


class DfuRow(BaseModel):
    """One row of dim_dfu."""

    model_config = ConfigDict(frozen=True)

    dfu_sk: int
    dfu_ck: str
    dmdunit: str
    dmdgroup: str | None
    loc: str
    brand: str | None
    brand_desc: str | None
    abc_vol: str | None
    otc_status: str | None
    premise: str | None
    prod_subgrp_desc: str | None
    region: str | None
    service_lvl_grp: str | None
    size: str | None
    state_plan: str | None
    supergroup: str | None
    supplier_desc: str | None
    sales_div: str | None
    bot_type_desc: str | None
    brand_size: str | None
    cnty: str | None
    dom_imp_opt: str | None
    grape_vrty_desc: str | None
    material: str | None
    prod_cat_desc: str | None
    producer_desc: str | None
    subclass_desc: str | None
    prod_class_desc: str | None
    file_dt: str | None
    histstart: str | None
    sop_ref: str | None
    ded_div_sw: int | None
    execution_lag: int | None
    total_lt: int | None
    vintage: int | None
    purge_sw: int | None
    alcoh_pct: float | None
    proof: float | None
    cluster_assignment: str | None
    load_ts: datetime | None
    modified_ts: datetime | None


_TYPES: Final[dict[Any, TypeEngine[Any]]] = {
    str: Text(),
    str | None: Text(),
    int: BigInteger(),
    int | None: Integer(),
    float | None: Numeric(asdecimal=False),
    datetime | None: DateTime(timezone=True),
}

DIM_DFU: Final = Table(
    "dim_dfu",
    MetaData(),
    *(Column(name, _TYPES[field.annotation]) for name, field in DfuRow.model_fields.items()),
)
