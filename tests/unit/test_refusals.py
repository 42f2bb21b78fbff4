"""What a file system refuses is bad input where only a person can change it."""

import errno

import pytest

from dfu_clustering.files.refusals import as_bad_input
from dfu_clustering.files.tables import write_json
from dfu_clustering.standalone.program import run_program


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOTDIR])
def test_folder_that_takes_nothing_is_named_with_what_to_do(code):
    told = as_bad_input(OSError(code, "refused", "var/runs"))
    assert told is not None
    assert told.found == "refused: var/runs"
    assert "DFU_CLUSTERING_VAR" in told.remedy


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), ConnectionRefusedError(errno.ECONNREFUSED, "no")])
def test_what_may_heal_is_no_bad_input(error):
    assert as_bad_input(error) is None


def test_program_ends_with_2_where_a_file_stands_in_the_place_of_its_folder(tmp_path, capsys):
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(SystemExit) as ended:
        run_program(lambda: write_json({}, tmp_path / "data" / "clustering" / "x.json"))
    assert ended.value.code == 2
    assert str(tmp_path / "data") in capsys.readouterr().err


def test_full_disk_may_heal_and_ends_with_1(capsys):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device", "x.json")

    with pytest.raises(SystemExit) as ended:
        run_program(full)
    assert ended.value.code == 1
    assert "No space left on device" in capsys.readouterr().err
