"""Any small panel ends in labels for all that sell, or in an error of the project's own; nothing else is undefined."""

import numpy as np
import pytest

from dfu_clustering.errors import InputError
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.runs.folder import RunFile, RunFolder
from expectations.suites.features import MAY_BE_UNDEFINED, RANGES, bounds
from tests.blank_pictures import pictures_left_blank
from tests.random_panels import label, random_panel, run_steps

QUICK, MANY, CHUNK = 50, 5_000, 500
WHOLE_RUNS = (0, 17, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (7, 14)))
SAME_AGAIN_EVERY = 4


def test_small_panels_end_in_labels_or_in_a_word_of_the_project():
    assert sum(map(ends_in_labels, range(QUICK))) > QUICK / 3


@pytest.mark.slow
@pytest.mark.parametrize("first", range(QUICK, MANY + QUICK, CHUNK))
def test_thousands_of_small_panels_end_in_labels_or_in_a_word_of_the_project(first):
    assert sum(map(ends_in_labels, range(first, first + CHUNK))) > CHUNK / 3


@pytest.mark.parametrize("seed", WHOLE_RUNS)
def test_small_panel_goes_through_all_steps_with_their_files_pictures_and_report(tmp_path, seed):
    rng = np.random.default_rng([seed, 2])
    random, files, later = random_panel(seed), RunFolder(tmp_path / "first"), RunFolder(tmp_path / "later")
    run_steps(random.panel(rng), random.config, files)
    assert files.path(RunFile.REPORT).exists()
    with pictures_left_blank():
        run_steps(random.panel(rng), random.config, later, files)  # the same month once more
    assert later.table(RunFile.LABELS).equals(files.table(RunFile.LABELS))
    stability = later.stability()
    assert stability is not None
    assert stability.churn_share == 0


def ends_in_labels(seed):
    """Check one panel, by other names and in other units too, and the month after; return whether it has labels."""
    rng = np.random.default_rng([seed, 1])
    random = random_panel(seed)
    panel = random.panel(rng)
    try:
        found = label(panel, random.config)
    except InputError as error:
        assert error.remedy, seed  # noqa: PT017
        return False
    require_sound(found, panel, seed)
    if seed % SAME_AGAIN_EVERY == 0:
        expected = found.labels["cluster_label"].tolist()
        for same in (random.renamed(), random.scaled(2.0**10)):
            assert label(same.panel(rng), random.config).labels["cluster_label"].tolist() == expected, seed
    following = random.next_month(rng)
    panel = following.panel(rng)
    try:
        require_sound(label(panel, random.config, found), panel, seed)
    except InputError as error:
        assert error.remedy, seed  # noqa: PT017
    return True


def require_sound(found, panel, seed):
    """Check that who has sold has a label of the closed list with a reason, and that nothing else is undefined."""
    for name in RANGES:
        values = found.matrix[name].to_numpy(np.float64)
        known, (low, high) = ~np.isnan(values), bounds(name)
        assert known.all() or name in MAY_BE_UNDEFINED, (seed, name)
        assert ((values[known] >= low) & (values[known] <= high)).all(), (seed, name, values)
    labels, segmentation = found.labels, found.segmentation
    assert labels["dfu_ck"].tolist() == panel.dfu_ck[(panel.demand > 0).any(axis=1)].tolist(), seed
    assert set(labels["cluster_label"]) <= set(LABELS), seed
    assert (labels["reason"].str.len() > 5).all(), seed
    assert not labels["reason"].str.contains(r"\b(?:nan|inf)\b").any(), seed
    assert np.isfinite(segmentation.space).all(), seed
    assert np.isfinite(segmentation.distance).all(), seed
    one_cluster = len(segmentation.fitted.clusters.meanings) == 1
    assert np.isnan(segmentation.margin).all() if one_cluster else np.isfinite(segmentation.margin).all(), seed
    undefined = {str(name) for name in found.profiles.select_dtypes("number") if found.profiles[name].isna().any()}
    assert {name for name in undefined if not name.startswith(tuple(MAY_BE_UNDEFINED))} <= {"peak_month"}, seed
