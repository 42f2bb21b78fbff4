"""Panels that a month after month of sales can come to, continued from what is published."""

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import write_table
from dfu_clustering.runs.folder import RunFolder
from tests import random_panels
from tests.random_panels import RandomPanel, label, run_steps, settings

pytestmark = pytest.mark.integration

N_MONTHS = 36
CONFIG = settings(k_range=(2, 3), gap_references=2, n_init=5)


def panel_of(*histories, config=CONFIG):
    return RandomPanel([f"{at:03d}" for at in range(len(histories))], np.array(histories, dtype=float), config)


def trade(n_dfus):
    """Return histories of DFUs that are constant, noisy, seasonal or intermittent."""
    rng, month = np.random.default_rng(7), np.arange(N_MONTHS)
    kinds = (
        lambda at: np.full(N_MONTHS, 100.0 * (1 + at % 5)),
        lambda at: 50 * (at + 1) * rng.lognormal(0, 0.3, N_MONTHS),
        lambda _: 100 * (1.2 + np.sin(month * np.pi / 6)),
        lambda _: np.where(rng.random(N_MONTHS) < 0.3, 10.0, np.nan),
    )
    return [kinds[at % 4](at) for at in range(n_dfus)]


def test_member_of_a_segment_of_identical_dfus_changes_its_label_when_it_changes():
    rng = np.random.default_rng(1)
    alike = [np.full(N_MONTHS, 100.0)] * 20
    published = label(panel_of(*alike, *trade(20)).panel(rng), CONFIG)
    again = label(panel_of(*alike, *trade(20)).panel(rng), CONFIG, published)
    assert again.labels["cluster_label"].tolist() == published.labels["cluster_label"].tolist()
    assert len(set(again.labels["cluster_label"][:20])) == 1

    sparse = np.where(np.arange(N_MONTHS) % 3 == 0, 300.0, np.nan)
    changed = label(panel_of(sparse, *alike[1:], *trade(20)).panel(rng), CONFIG, again)
    labels = changed.labels["cluster_label"].tolist()
    assert labels[0].startswith("seasonal")
    assert labels[1:20] == again.labels["cluster_label"].tolist()[1:20]


def test_run_without_a_shared_dfu_is_refused_where_attributes_count_too(tmp_path, monkeypatch):
    def with_attributes(frame, path):
        if isinstance(frame, pd.DataFrame) and "category" in frame:
            at = np.arange(len(frame))
            frame = frame.assign(category=pd.Series(at % 3).astype("str"), case_weight=at * 1.0, proof=at % 7 * 1.0)
        write_table(frame, path)

    monkeypatch.setattr(random_panels, "write_table", with_attributes)
    config = settings(k_range=(2, 3), gap_references=2, n_init=5, attributes={"item": 1.0, "dfu": 0.5})
    here = panel_of(*trade(40), config=config)
    first, other = RunFolder(tmp_path / "first"), RunFolder(tmp_path / "other")
    run_steps(here.panel(np.random.default_rng(1)), config, first)
    with pytest.raises(DataError, match="only 0% of the 40 DFUs of first are among the 40 of these features"):
        run_steps(here.renamed().panel(np.random.default_rng(1)), config, other, first)
