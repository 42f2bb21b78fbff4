"""What of the sales is measured: DFUs that have sold, a sample of many, with the attributes that segments use."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.features.attributes import DFU_ATTRIBUTES, ITEM_ATTRIBUTES
from dfu_clustering.forecast_value.origin_segments import segments_at
from dfu_clustering.forecast_value.rows import MOST_TRAINING_MONTHS
from dfu_clustering.steps.measure_forecast_value import attributes_of_clusters, known_of, sampled
from dfu_clustering.steps.sales_source import SalesRead
from tests.planted_panels import panel_of, planted_seasons


def test_dfus_that_never_sold_are_not_measured_and_many_are_a_sample():
    demand = np.random.default_rng(1).gamma(2, 3, (50, 12))
    demand[::5] = 0
    panel = panel_of(demand)
    whole, some = sampled(panel, 100, seed=1), sampled(panel, 10, seed=1)
    assert len(whole.dfu_ck) == 40
    assert set(some.dfu_ck) < set(whole.dfu_ck)
    assert len(some.dfu_ck) == 10
    at = np.searchsorted(panel.dfu_ck, some.dfu_ck)
    assert some.demand.tolist() == panel.demand[at].tolist()
    same, other = (sampled(panel, 10, seed=seed).dfu_ck.tolist() for seed in (1, 2))
    assert same == some.dfu_ck.tolist() != other


def test_attributes_are_read_where_the_space_has_them_and_else_not():
    panel = planted_seasons(40, seed=1, n_months=30)[0]
    keys = pd.Series(panel.dfu_ck).str.split("_", expand=True)
    attributes = {one.name: [None] * 40 for one in DFU_ATTRIBUTES} | {"brand": list("abcd" * 10)}
    dfus = pa.table({"dfu_ck": list(panel.dfu_ck), "dmdunit": list(keys[0]), **attributes})
    items = pa.table({"item_no": list(keys[0]), **{one.name: [None] * 40 for one in ITEM_ATTRIBUTES}})
    read = SalesRead(panel, items, dfus)
    quick: dict[str, Any] = {"k_range": (3, 4), "n_init": 5, "gap_references": 2}
    assert attributes_of_clusters(read, panel, load_config(**quick)) is None
    config = load_config(**quick, attributes={"item": 0.0, "dfu": 1.0})
    joined = attributes_of_clusters(read, panel, config)
    assert joined is not None
    assert joined["brand"].tolist() == list("abcd" * 10)
    known = known_of(panel, (27,), config, joined)
    assert segments_at(known.features, 27, config, panel.dfu_ck).code.max() > 0


def test_months_that_no_row_can_know_are_not_computed():
    panel = panel_of(np.random.default_rng(1).gamma(2, 3, (20, MOST_TRAINING_MONTHS + 40)))
    known = known_of(panel, (90, 93), load_config(), None)
    assert min(known.own) == 30
    assert max(known.own) == 93


def test_an_origin_at_which_nobody_can_be_clustered_is_refused():
    panel = panel_of(np.random.default_rng(1).gamma(2, 3, (20, 30)))
    known = known_of(panel, (27,), load_config(min_months_history=30, time_window_months=36), None)
    with pytest.raises(DataError, match="must have 30 months of history at every origin"):
        segments_at(known.features, 27, load_config(min_months_history=30, time_window_months=36), panel.dfu_ck)
