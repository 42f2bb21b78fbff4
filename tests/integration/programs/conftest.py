"""What tests of the programs share: a small warehouse, what the programs made of it, and how one is run."""

import shutil

import pytest
import yaml

from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from tests.blank_pictures import pictures_left_blank
from tests.databases import copied_database
from tests.integration.programs.running import FEATURES, LABEL, TRAIN, run_program


@pytest.fixture(scope="session")
def quick_config(tmp_path_factory):
    """A configuration file with which K is chosen at once: how it is chosen is not what these tests look at."""
    file = tmp_path_factory.mktemp("config") / "quick.yaml"
    file.write_text(yaml.safe_dump({"clustering": {"k_range": [3, 5], "gap_references": 2, "n_init": 5}}))
    return str(file)


@pytest.fixture
def quick_settings(quick_config, monkeypatch):
    """Programs choose K at once."""
    monkeypatch.setenv("DFU_CLUSTERING_CONFIG", quick_config)


@pytest.fixture(scope="session")
def template(postgres_server):
    create_database(postgres_server.url(), "programs")
    load_panel(postgres_server.url("programs"), generate_panel(200, 30, 3))
    yield "programs"
    drop_database(postgres_server.url(), "programs")


@pytest.fixture
def warehouse(postgres_server, template, monkeypatch):
    with copied_database(postgres_server, template) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield url


@pytest.fixture(scope="session")
def made(postgres_server, template, quick_config, tmp_path_factory):
    """A folder in which features, training and labels have been made of the warehouse, under the default names."""
    folder = tmp_path_factory.mktemp("made")
    with pictures_left_blank(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DFU_CLUSTERING_CONFIG", quick_config)
        patch.setenv("DATABASE_URL", postgres_server.url(template))
        assert [run_program(name) for name in (FEATURES, TRAIN, LABEL)] == [0, 0, 0]
    return folder


@pytest.fixture
def data(made, tmp_path):
    """A copy of what was made, in the folder in which programs run."""
    return shutil.copytree(made / "data", tmp_path / "data")


@pytest.fixture(scope="session")
def trainings(made, quick_config):
    """The same features trained with three and with six clusters."""
    with pictures_left_blank(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        patch.setenv("DFU_CLUSTERING_CONFIG", quick_config)
        for k, name in (("3", "three"), ("6", "six")):
            assert run_program(TRAIN, "--k-range", k, k, "--output-dir", name) == 0
    return made
