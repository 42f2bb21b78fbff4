"""The attributes of item and DFU, which are joined to the feature matrix from the dimension tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dfu_clustering.arrays import Integers
from dfu_clustering.config.clustering import SpaceSettings
from dfu_clustering.config.loading import DEFAULTS_PATH, load_config
from dfu_clustering.config.warehouse_names import Attribute, KnownAttribute
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import require_columns, require_none

PROJECT_NAMES = load_config(DEFAULTS_PATH).warehouse
ITEM_ATTRIBUTES: tuple[Attribute, ...] = PROJECT_NAMES.features_of("item")
DFU_ATTRIBUTES: tuple[Attribute, ...] = PROJECT_NAMES.features_of("dfu")


def clustered_attributes(settings: SpaceSettings) -> dict[str, tuple[KnownAttribute, ...]]:
    """Return by table the attributes that have a weight in the clustered space, in the order of the list."""
    listed, weights = settings.listed_attributes(), settings.attributes.model_dump()
    if listed is None:
        listed = PROJECT_NAMES.in_the_matrix()
    return {
        table: tuple(one for one in listed if one.table == table) for table in ("item", "dfu") if weights[table] > 0
    }


def add_attributes(
    features: pd.DataFrame,
    items: pd.DataFrame,
    dfus: pd.DataFrame,
    *,
    item_attributes: Sequence[Attribute] = ITEM_ATTRIBUTES,
    dfu_attributes: Sequence[Attribute] = DFU_ATTRIBUTES,
) -> pd.DataFrame:
    """Left-join the item and DFU attributes: dfu_ck to ``dfus``, then dmdunit = item_no to ``items``.

    item_no need not be unique (item_ck is): of several items the first counts, ordered by item_ck where ``items`` has
    it and then by the attributes, NULL last; the order of the rows does not matter.

    Args:
        features: Any columns and ``dfu_ck``.
        items: item_no and the item's attributes.
        dfus: dfu_ck, dmdunit and the DFU's attributes.
        item_attributes: Those that become columns.
        dfu_attributes: Those that become columns.

    Returns:
        The features with the item's attributes, then the DFU's added, rows and index as they were. Numeric attributes
        are float64, categorical ones str, both with NaN where NULL or where the item or DFU is not known.

    Raises:
        DataError: A column is missing, a numeric attribute is not a number, or dfus holds a dfu_ck twice.
    """
    _require_columns(features, ["dfu_ck"], table_name="features")
    _require_columns(items, ["item_no", *_names(item_attributes)], table_name="items")
    _require_columns(dfus, ["dfu_ck", "dmdunit", *_names(dfu_attributes)], table_name="dfus")
    require_none(
        dfus["dfu_ck"].duplicated(),
        dfus["dfu_ck"],
        rule="dfus must hold each dfu_ck once",
        found="keys that occur again",
        remedy="give one row a DFU",
    )
    known_items = _one_row_an_item(items, item_attributes)
    of_dfu = _rows_of(dfus, _positions(features["dfu_ck"], dfus["dfu_ck"]))
    of_item = _rows_of(known_items, _positions(of_dfu["dmdunit"], known_items["item_no"]))
    joined = {
        attribute.name: _attribute_values(of_its_key[attribute.name], attribute).set_axis(features.index)
        for of_its_key, attributes in ((of_item, item_attributes), (of_dfu, dfu_attributes))
        for attribute in attributes
    }
    return pd.concat([features, pd.DataFrame(joined, index=features.index)], axis=1)


def _one_row_an_item(items: pd.DataFrame, attributes: Sequence[Attribute]) -> pd.DataFrame:
    order = ["item_no", *(["item_ck"] if "item_ck" in items else []), *_names(attributes)]
    known = items.dropna(subset="item_no")
    if known["item_no"].duplicated().any():
        known = known.sort_values(order).drop_duplicates("item_no")
    return known


def _positions(wanted: pd.Series, keys: pd.Series) -> Integers:
    """Return where each wanted key lies among the keys; -1 where it is NULL or not there."""
    found = pc.index_in(_as_text(wanted), value_set=_as_text(keys), skip_nulls=True)
    return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _as_text(keys: pd.Series) -> pa.Array:
    return pa.array(keys, pa.large_string(), from_pandas=True)


def _rows_of(table: pd.DataFrame, positions: Integers) -> pd.DataFrame:
    return table.reset_index(drop=True).reindex(positions)  # -1 is no row: all NULL


def _attribute_values(values: pd.Series, attribute: Attribute) -> pd.Series:
    if attribute.kind == "categorical":
        return values.astype("str")
    try:
        return pd.to_numeric(values).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The attribute {attribute.name} must be a number or NULL",
            found=str(error),
            remedy="correct it in the dimension table",
        ) from error


def _names(attributes: Sequence[Attribute]) -> list[str]:
    return [attribute.name for attribute in attributes]


def _require_columns(table: pd.DataFrame, columns: Sequence[str], *, table_name: str) -> None:
    require_columns(
        table,
        columns,
        rule=f"{table_name} must have the columns of the feature matrix",
        remedy="select them in the query or take the table from dfu_clustering.warehouse.snapshot",
    )
