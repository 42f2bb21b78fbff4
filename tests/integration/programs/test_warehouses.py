"""Warehouses that are odd but legal, from the features to the labels."""

from tests.integration.programs.running import FEATURES, LABEL, MARKS, TRAIN, UPDATE, execute, labels_of

pytestmark = MARKS


def test_odd_but_legal_warehouses_work(program, warehouse):
    execute(
        warehouse,
        "UPDATE dim_dfu SET brand = NULL, region = 'one', alcoh_pct = NULL",
        "UPDATE dim_item SET case_weight = NULL, national_service_model = ''",
        "UPDATE fact_sales_monthly SET qty = NULL WHERE sales_sk % 50 = 0",
    )
    assert program(FEATURES)[0] == 0
    assert program(TRAIN)[0] == 0
    assert program(LABEL)[0] == 0
    code, out, _ = program(UPDATE)
    assert code == 0
    assert "DFUs of the file not found in dim_dfu: 0" in out


def test_panel_of_one_dfu_has_features_but_too_few_dfus_to_cluster(program, warehouse):
    seller = (
        "SELECT d.dfu_ck FROM dim_dfu AS d JOIN fact_sales_monthly AS s"
        " ON (d.dmdunit, d.dmdgroup, d.loc) = (s.dmdunit, s.dmdgroup, s.loc)"
        " GROUP BY d.dfu_ck HAVING count(DISTINCT s.startdate) = 30 ORDER BY d.dfu_ck LIMIT 1"
    )
    execute(warehouse, f"DELETE FROM dim_dfu WHERE dfu_ck <> ({seller})")
    code, out, _ = program(FEATURES, "--skip-validation")
    assert (code, "1 of" in out) == (0, True)
    code, _, error = program(TRAIN)
    assert code == 2
    assert "1 DFUs" in error


def test_keys_of_any_characters_are_clustered_and_pictured(program, warehouse, blank_pictures, monkeypatch):
    odd = "'$' || dmdunit || '_$\\frac{酒'"
    execute(
        warehouse,
        f"UPDATE dim_dfu SET dmdunit = {odd}, dfu_ck = {odd} || '_' || dmdgroup || '_' || loc",
        f"UPDATE fact_sales_monthly SET dmdunit = {odd}",
        f"UPDATE dim_item SET item_no = {odd.replace('dmdunit', 'item_no')}",
    )
    for name in (FEATURES, TRAIN):
        code, _, error = program(name)
        assert code == 0, error
    monkeypatch.setattr("dfu_clustering.outputs.pictures._save", blank_pictures)  # here they are painted
    for name in (LABEL, UPDATE):
        code, _, error = program(name)
        assert code == 0, error
    assert sum(label is not None for _, label, _ in labels_of(warehouse)) > 150
