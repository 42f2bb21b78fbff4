"""Segments of a table of sales in three lines, by the steps that the flow runs.

from dfu_clustering import segment
result = segment(sales)
result.labels
"""

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.runs.folder import RunFolder
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.sales.long_form import KEYS, LongForm, MonthlySales, broken, monthly_sales
from dfu_clustering.standalone.result import SegmentResult
from dfu_clustering.standalone.sales_in_memory import in_memory
from dfu_clustering.steps.build_features import require_own_names, write_features
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.sales_source import read_source
from dfu_clustering.steps.train_model import train_model

_SOURCE = "the table"


def segment(
    sales: Any,  # noqa: ANN401  (any table that speaks Arrow)
    *,
    keys: tuple[str, ...] = KEYS,
    date: str = "startdate",
    quantity: str = "qty",
    date_format: str | None = None,
    as_of_month: str | None = None,
    previous: "SegmentResult | Path | str | None" = None,
    config: Path | str | None = None,
    **settings: Any,  # noqa: ANN401
) -> SegmentResult:
    """Group the DFUs of a sales table by how their demand behaves, and label each.

    Args:
        sales: A row a booking, day, week or month of a DFU: a pandas, pyarrow or polars table.
        keys: One to three columns that together name a DFU: item, customer group, location.
        date: The column with a day of each row's month; a month without a row is zero demand.
        quantity: The column with the demand, in units; monthly sums are kept to four decimals.
        date_format: Of dates that are text, as ``strptime`` reads it; None: ISO 8601.
        as_of_month: Newest month that counts, ``2026-10``; None: the newest whole one.
        previous: The result of an earlier month, or the folder where it was saved: labels change only where demand did.
        config: A configuration file; None: the one of DFU_CLUSTERING_CONFIG, else the project's own.
        **settings: Keys of the configuration, such as ``k_range=(3, 8)`` or ``labeling={"lifecycle": False}``.

    Returns:
        Labels, reasons, profiles, features, figures.

    Raises:
        ConfigError: A setting is unknown or out of range.
        DataError: The table breaks a rule, or no DFU has a history that is long enough.
    """
    form = LongForm(tuple(keys), date, quantity, date_format)
    chosen = load_config(config, **settings)
    sold = monthly_sales(_as_arrow(sales, form), form, source=_SOURCE)
    folder = tempfile.TemporaryDirectory(prefix="dfu-segments-")
    segment_months(sold, RunFolder(Path(folder.name)), chosen, as_of_month=as_of_month, previous=_published(previous))
    return SegmentResult(RunFolder(Path(folder.name)), chosen, form, sold.dfus, sold.notes, folder)


def segment_months(
    sold: MonthlySales,
    files: RunFolder,
    config: ClusteringConfig,
    *,
    as_of_month: str | None = None,
    previous: PublishedFiles | None = None,
    pictures: bool = False,
) -> None:
    """Run the steps of features, training and labels on monthly sales, and leave their files in a folder.

    Args:
        sold: The sales.
        files: Where the files go.
        config: The settings.
        as_of_month: Newest month that counts; None: the newest whole one.
        previous: What labels continue; None: they are made from scratch.
        pictures: Whether to draw.

    Raises:
        DataError: No DFU has a history that is long enough, or as_of_month is outside of the sales.
    """
    source = in_memory(sold, config.warehouse)
    require_own_names(source.names)
    read = read_source(source, source.names, as_of_month=as_of_month or str(sold.whole_month))
    write_features(files, config, read, source.names)
    train_model(files, config, previous, pictures=pictures)
    label_segments(files, config, previous, pictures=pictures)


def _as_arrow(sales: Any, form: LongForm) -> pa.Table:  # noqa: ANN401
    """Return the columns that are read, as an Arrow table."""
    if isinstance(sales, pd.DataFrame):
        sales = sales[[name for name in form.columns if name in sales]]
        periods = [name for name in sales if isinstance(sales[name].dtype, pd.PeriodDtype)]
        sales = sales.assign(**{name: sales[name].dt.start_time for name in periods})
    elif not isinstance(sales, pa.Table) and not hasattr(sales, "__arrow_c_stream__"):
        raise broken(_SOURCE, found=f"a {type(sales).__name__}", remedy="give a pandas, pyarrow or polars table")
    try:
        if isinstance(sales, pd.DataFrame):
            return pa.Table.from_pandas(sales, preserve_index=False)
        return pa.table(sales)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise broken(_SOURCE, found=str(error), remedy="give each column values of one type") from error


def _published(previous: "SegmentResult | Path | str | None") -> PublishedFiles | None:
    if previous is None:
        return None
    return (
        PublishedFiles(previous.files)
        if isinstance(previous, SegmentResult)
        else PublishedFiles.in_folder(Path(previous))
    )
