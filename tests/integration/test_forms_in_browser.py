"""A planner works in Prefect's own pages: fills in forms, starts runs, and finds the labels in the warehouse."""

import json

import pytest

from dfu_clustering.demo.server import create_database, drop_database
from tests.browser import Visit, headless_chromium
from tests.integration.deployed_site import DeployedSite
from tests.integration.prefect_form import PrefectForm

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def site(tmp_path_factory, postgres_server):
    """Everything that runs by itself, with Prefect's pages."""
    create_database(postgres_server.url(), "forms")
    site = DeployedSite(tmp_path_factory.mktemp("forms"), postgres_server.url("forms"), pages=True)
    try:
        site.start()
        yield site
    finally:
        site.stop()
        drop_database(postgres_server.url(), "forms")


@pytest.fixture(scope="module")
def browser():
    with headless_chromium() as browser:
        yield browser


def test_planner_runs_overrides_restores_and_approves_by_forms_alone(site, browser):
    desk = Desk(site, browser)

    first = desk.start("cluster-dfus/manual")  # nothing filled in
    assert desk.ended(first)["state_type"] == "COMPLETED"
    published = desk.labels()
    assert len(published) > 250

    key, label = (
        min(published),
        next(label for label in sorted(set(published.values())) if label != published[min(published)]),
    )
    texts = {"label": label, "until_month": "2099-12", "owner": "Ada", "reason": "a new customer"}
    overridden = desk.start("override-labels/override-labels", texts, {"dfu_cks": key})
    assert desk.ended(overridden)["state_type"] == "COMPLETED"
    assert desk.labels() == published | {key: label}

    asked = desk.start("cluster-dfus/manual", switches=["require_approval", "dry_run"])
    assert desk.ended(asked)["state_type"] == "COMPLETED"  # a dry run asks nobody

    stricter = json.dumps({"labeling": {"zero_demand_threshold": 0.05}})
    waiting = site.start_run(
        "cluster-dfus/manual", require_approval=True, override_reason="by a test", **parameters(stricter)
    )
    desk.answer(waiting, {"answered_by": "Ada", "reason": "looks right"}, publish=True)
    assert desk.ended(waiting)["state_type"] == "COMPLETED"
    assert site.publications()[-1].run.endswith(waiting.replace("-", "")[-12:])
    assert desk.labels()[key] == label

    restored = desk.start("restore-assignments/restore-assignments", {"run": first})
    assert desk.ended(restored)["state_type"] == "COMPLETED"
    assert desk.labels() == published | {key: label}


def parameters(changes):
    """Return whole sections with some other values, as the form gives them."""
    from dfu_clustering.config.loading import load_config, merged

    whole = load_config().model_dump(mode="json")
    return {section: merged(whole[section], values) for section, values in json.loads(changes).items()}


class Desk:
    """A planner in front of the pages."""

    def __init__(self, site, browser):
        self.site, self.browser = site, browser
        self.pages = site.server.api_url.removesuffix("/api")

    def start(self, deployment, texts=None, items=None, switches=()):
        """Fill in the form of a deployment, submit it, and return the id of the run that it starts."""
        deployment_id = self.site.get(f"/deployments/name/{deployment}")["id"]
        visit = Visit(self.browser, f"{self.pages}/deployments/deployment/{deployment_id}/run")
        form = PrefectForm(visit.page)
        form.field("dry_run")
        for name, text in (texts or {}).items():
            form.fill(name, text)
        for name, item in (items or {}).items():
            form.add(name, item)
        for name in switches:
            form.turn_on(name)
        before = self._runs(deployment_id)
        form.submit()
        (started,) = self.site.wait_until(lambda: self._runs(deployment_id) - before)
        visit.close()
        return started

    def answer(self, flow_run_id, texts, *, publish):
        """Wait until a run asks, read what it says, and answer in its form."""
        self.site.wait_until(lambda: self.site.flow_run(flow_run_id)["state_name"] == "Paused")
        visit = Visit(self.browser, f"{self.pages}/runs/flow-run/{flow_run_id}")
        visit.page.get_by_role("button", name="Resume").click()
        form = PrefectForm(visit.page)
        for name, text in texts.items():
            form.fill(name, text)
        if publish:
            form.turn_on("publish")
        form.submit()
        self.site.wait_until(lambda: self.site.flow_run(flow_run_id)["state_name"] != "Paused")
        visit.close()

    def ended(self, flow_run_id):
        return self.site.wait_for_run_end(flow_run_id)

    def labels(self):
        rows = self.site.execute("SELECT dfu_ck, cluster_assignment FROM dim_dfu WHERE cluster_assignment IS NOT NULL")
        return dict(rows)

    def _runs(self, deployment_id):
        wanted = {"deployments": {"id": {"any_": [deployment_id]}}}
        return {run["id"] for run in self.site.server.post("/flow_runs/filter", wanted)}
