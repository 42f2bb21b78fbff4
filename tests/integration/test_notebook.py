"""The notebook in the docs runs as it stands, and shows what its text says."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.integration

NOTEBOOK = Path(__file__).parents[2] / "docs" / "segment.ipynb"


def shown(notebook: nbformat.NotebookNode) -> list[set[str]]:
    """The kinds of output of each cell of code."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [{kind for output in cell.outputs for kind in output.get("data", {})} for cell in cells]


def test_every_cell_runs_and_shows_tables_and_pictures() -> None:
    stored, run = (nbformat.read(NOTEBOOK, 4) for _ in range(2))
    NotebookClient(run, timeout=300, kernel_name="python3").execute()
    assert shown(run) == shown(stored)
    assert sum("image/png" in kinds for kinds in shown(run)) == 2
    assert all(kinds & {"image/png", "text/html"} for kinds in shown(run))
