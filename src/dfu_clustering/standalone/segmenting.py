"""The steps of a run on monthly sales: features, training, labels."""

from typing import Any

import pandas as pd
import pyarrow as pa

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.runs.folder import RunFolder
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.summaries import FeatureSummary
from dfu_clustering.sales.long_form import LongForm, MonthlySales, broken
from dfu_clustering.standalone.sales_in_memory import in_memory
from dfu_clustering.steps.build_features import require_own_names, write_features
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.sales_source import SalesRead, read_source
from dfu_clustering.steps.train_model import train_model

SOURCE = "the table"  # what errors call a table in memory


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
    features_of_months(sold, files, config, as_of_month=as_of_month)
    train_model(files, config, previous, pictures=pictures)
    label_segments(files, config, previous, pictures=pictures)


def features_of_months(
    sold: MonthlySales, files: RunFolder, config: ClusteringConfig, *, as_of_month: str | None = None
) -> FeatureSummary:
    """Run the first of these steps: write the feature matrix.

    Raises:
        DataError: As segment_months().
    """
    read = read_months(sold, config, as_of_month=as_of_month)
    return write_features(files, config, read, in_memory(sold, config.warehouse).names)


def read_months(sold: MonthlySales, config: ClusteringConfig, *, as_of_month: str | None = None) -> SalesRead:
    """Return the grid of monthly sales.

    Raises:
        DataError: as_of_month is outside of the sales.
    """
    source = in_memory(sold, config.warehouse)
    require_own_names(source.names)
    return read_source(source, source.names, as_of_month=as_of_month or str(sold.whole_month))


def as_arrow(sales: Any, form: LongForm) -> pa.Table:  # noqa: ANN401
    """Return the columns that are read of a pandas, pyarrow or polars table, as an Arrow table.

    Raises:
        DataError: It is none of these, or a column holds values of several types.
    """
    if isinstance(sales, pd.DataFrame):
        sales = sales[[name for name in form.columns if name in sales]]
        periods = [name for name in sales if isinstance(sales[name].dtype, pd.PeriodDtype)]
        sales = sales.assign(**{name: sales[name].dt.start_time for name in periods})
    elif not isinstance(sales, pa.Table) and not hasattr(sales, "__arrow_c_stream__"):
        raise broken(SOURCE, found=f"a {type(sales).__name__}", remedy="give a pandas, pyarrow or polars table")
    try:
        if isinstance(sales, pd.DataFrame):
            return pa.Table.from_pandas(sales, preserve_index=False)
        return pa.table(sales)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise broken(SOURCE, found=str(error), remedy="give each column values of one type") from error
