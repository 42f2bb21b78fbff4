"""Makes the answers: one function an address, from a view, the published run's files, and the database."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from sqlalchemy import RowMapping

from api.database import Database, Keys, Page
from api.filters import LABEL, Filter, Sort, parse_filters, parse_sort
from api.lists import DfuLists
from api.overridden import override_list
from api.problem_details import NotFoundError
from api.response_cache import PAGE_HEADERS, Answer, Answers
from api.schemas import (
    Changes,
    Cluster,
    Clusters,
    Dfu,
    DfuPage,
    Forecastability,
    MonthDemand,
    MonthLabel,
    Picture,
    Pictures,
    Profiles,
    Readiness,
    SegmentMember,
    SegmentMembers,
    SetByHand,
)
from api.settings import ApiSettings
from api.state import View, Views
from api.tables import NAMES, DfuRow
from dfu_clustering.errors import DataError
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.runs.folder import PICTURES, RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import newest_publication

_LABEL_MONTHS: Final = 24
_READY_WITHIN_S: Final = 3.0  # health checks wait 5 s (deploy/compose.yaml)
_NOBODY: Final[Keys] = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class PageQuery:
    """What is asked of a page, checked."""

    filters: tuple[Filter, ...]
    sort: Sort
    limit: int
    offset: int

    @property
    def label(self) -> str | None:
        """Return the label of a page of one segment."""
        return str(self.filters[0].value) if self.filters else None

    @property
    def is_of_one_segment(self) -> bool:
        """Tell whether a label, or nothing, is all that is asked for, in the order of dfu_sk."""
        exact = [one.column == LABEL and one.exact and one.value is not None for one in self.filters]
        return self.sort == Sort() and exact in ([], [True])


class Segments:
    """The service behind the router: settings, database, and what was read from them last.

    Attributes:
        lists: Makes lists of DFUs for people.
    """

    def __init__(self, settings: ApiSettings) -> None:
        """Make the pool; nothing is read before the first request.

        Raises:
            ConfigError: The database's address cannot be used.
        """
        self._database = Database(settings)
        self._views = Views(settings, self._database)
        self._runs = settings.runs
        self._reports = Answers()
        self._address = f"{settings.root_path}/domains/dfu/"
        self.lists = DfuLists(self._database, self._views)

    def close(self) -> None:
        """Close the connections to the database."""
        self._views.close()
        self._database.close()

    def readiness(self) -> Readiness:
        """Return that the service can answer; an error says that it cannot."""
        return Readiness(as_of_month=self._views.current_soon(_READY_WITHIN_S).as_of_month)

    def clusters(self) -> Answer:
        """Return the segments: counts of dim_dfu, numbers of the published run."""
        view = self._views.current()
        return view.answers.get("clusters", lambda: Answer.of(_clusters(view)))

    def profiles(self) -> Answer:
        """Return the profiles of the published run."""
        view = self._views.current()
        return view.answers.get("profiles", lambda: Answer.of(_profiles(view)))

    def changes(self) -> Answer:
        """Return what the last publish changed."""
        view = self._views.current()
        return view.answers.get("changes", lambda: Answer.of(_changes(view)))

    def members(self, label: str, limit: int) -> Answer:
        """Return typical and borderline members of a segment."""
        view = self._views.current()
        return view.answers.get(("members", label, limit), lambda: Answer.of(_members(view, label, limit)))

    def overrides(self) -> Answer:
        """Return the labels that people have set, also those that no publish has yet."""
        return Answer.of(override_list(self._views.current(), Overrides(self._runs)))

    def page(self, *, filters: str | None, sort: str | None, limit: int, offset: int) -> Answer:
        """Return a page of dim_dfu."""
        query = PageQuery(parse_filters(filters), parse_sort(sort), limit, offset)
        view = self._views.current()
        return view.answers.get(query, lambda: Answer.of(_page(view, self._database, query)))

    def dfu(self, dfu_ck: str) -> Answer:
        """Return one DFU."""
        view = self._views.current()
        return view.answers.get(("dfu", dfu_ck), lambda: Answer.of(_dfu(view, self._database, dfu_ck)))

    def pictures(self, address: str) -> Answer:
        """Return the list of pictures, which lie below the address of the list."""
        run = self._views.current().require_newest()
        found = [Picture(name=name, title=PICTURES[name], href=f"{address}/{name}") for name in run.pictures()]
        return Answer.of(Pictures(as_of_month=run.publication.as_of_month, run=run.publication.run, pictures=found))

    def picture(self, name: str) -> Answer:
        """Return a picture."""
        view = self._views.current()
        picture = next((picture for picture in PICTURES if picture == name), None)
        if picture is None:
            raise NotFoundError("There is no picture of this name; clusters/pictures lists them.")
        return view.answers.get(name, lambda: Answer(view.require_newest().picture(picture), "image/png"))

    def report(self) -> Answer:
        """Return the newest report; while the newest publish has none yet, that of an earlier one, without lists."""
        view = self._views.current()
        run = view.newest_with_report()
        return self._report(run.report, lists=run is view.newest)

    def report_of(self, run: RunFolder) -> Answer:
        """Return the report of a run, published or not; whether the database answers plays no part."""
        return self._report(run.path(RunFile.REPORT), lists=self._is_published(run.name))

    def _is_published(self, run: str) -> bool:
        """Tell whether a run is the newest that was published: the lists are of no other."""
        try:
            newest = newest_publication(Ledger(self._runs).publications())
        except (DataError, OSError):
            return False  # the report can be read all the same
        return newest is not None and newest.run == run

    def _report(self, path: Path, *, lists: bool) -> Answer:
        try:
            found = path.stat()
        except FileNotFoundError as error:
            raise NotFoundError(f"The run {path.parent.name} has no report, or it was deleted.") from error
        key = (path.parent.name, found.st_mtime_ns, found.st_size, lists)  # a report can be made again

        def read() -> Answer:
            from dfu_clustering.report.page import with_links  # late: what draws takes a second to import

            page = with_links(path.read_bytes(), self._address, lists=lists)
            return Answer(page, "text/html", PAGE_HEADERS)

        return self._reports.get(key, read)


def _clusters(view: View) -> Clusters:
    counts = view.labels.counts()
    assigned = sum(counts.values())
    return Clusters(
        total_assigned=assigned,
        unassigned=view.labels.n_dfus - assigned,
        as_of_month=view.as_of_month,
        clusters=[_cluster(view, label, count, assigned) for label, count in counts.items()],
    )


def _cluster(view: View, label: str, count: int, assigned: int) -> Cluster:
    segment = view.newest.segment(label) if view.newest else None
    profile = segment.profile if segment else {}
    return Cluster(
        cluster_id=view.newest.cluster_id(label) if view.newest else None,
        label=label,
        count=count,
        pct_of_total=round(100 * count / assigned, 4),
        avg_demand=profile.get("mean_demand"),
        cv_demand=profile.get("cv_demand"),
    )


def _profiles(view: View) -> Profiles:
    run = view.require_newest()
    if not run.segments:
        raise NotFoundError(f"The profiles of run {run.publication.run}, which is published, were deleted.")
    return Profiles(as_of_month=view.as_of_month, run=run.publication.run, profiles=list(run.segments))


def _changes(view: View) -> Changes:
    run = view.require_newest()
    published = run.changes
    return Changes(
        as_of_month=view.as_of_month,
        run=run.publication.run,
        published_at=run.brought.published_at,
        updated=published.updated,
        unchanged=published.unchanged,
        cleared=published.cleared,
        changes=list(published.transitions),
    )


def _members(view: View, label: str, limit: int) -> SegmentMembers:
    segment = view.newest.segment(label) if view.newest else None
    count = len(view.labels.members.get(label, ()))
    if segment is None and not count:
        raise NotFoundError("No DFU has this label.")
    typical: list[SegmentMember] = []
    borderline: list[SegmentMember] = []
    if view.newest and segment:
        typical, borderline = view.newest.members.typical_and_borderline(segment.cluster_id, limit)
    return SegmentMembers(
        label=label,
        cluster_id=view.newest.cluster_id(label) if view.newest else None,
        as_of_month=view.as_of_month,
        count=count,
        reason=segment.reason if segment else None,
        typical=typical,
        borderline=borderline,
    )


def _page(view: View, database: Database, query: PageQuery) -> DfuPage:
    page = _cut(view, database, query) if query.is_of_one_segment else None
    if page is None:
        page = database.page(query.filters, query.sort, limit=query.limit, offset=query.offset)
    rows = [DfuRow.model_validate(dict(row)) for row in page.rows]
    return DfuPage(total=page.total, limit=query.limit, offset=query.offset, rows=rows)


def _cut(view: View, database: Database, query: PageQuery) -> Page | None:
    """Return a page cut from the labels that are known; None where a row of it has another label now.

    What is returned is the page as of those labels, whole: the rows were chosen by them, and each still fits.
    """
    members = view.labels.all_members if query.label is None else view.labels.members.get(query.label, _NOBODY)
    wanted = members[query.offset : query.offset + query.limit].tolist()
    rows = database.rows(wanted) if wanted else []
    fits = len(rows) == len(wanted) and (query.label is None or all(row[LABEL] == query.label for row in rows))
    return Page(len(members), rows) if fits else None


def _dfu(view: View, database: Database, dfu_ck: str) -> Dfu:
    row = _existing_row(database, dfu_ck)
    run = view.newest
    forecastability = run.forecastability(dfu_ck) if run else None
    member, known = (run.member(dfu_ck), run.label(dfu_ck)) if run else (None, None)
    override = run.override(dfu_ck) if run else None
    return Dfu(
        dfu_ck=dfu_ck,
        label=row[LABEL],
        cluster_id=LABELS[override.label].segment_id if override else known.cluster_id if known else None,
        machine_label=known.cluster_label if known else None,
        override=SetByHand(**override.model_dump(include=set(SetByHand.model_fields))) if override else None,
        abc_class=known.abc_class if known else None,
        reason=known.reason if known else None,
        change=run.change(dfu_ck) if run else None,
        excluded_reason=run.excluded_reason(dfu_ck) if run else None,
        as_of_month=view.as_of_month,
        distance=member.distance if member else None,
        margin=member.margin if member else None,
        features=run.features(dfu_ck) if run and member else None,
        forecastability=Forecastability.model_validate(forecastability) if forecastability else None,
        history=[MonthDemand(month=month, demand=demand) for month, demand in run.history(dfu_ck)] if run else [],
        labels=_labels_over_time(view, dfu_ck),
        attributes=DfuRow.model_validate(dict(row)),
    )


def _labels_over_time(view: View, dfu_ck: str) -> list[MonthLabel]:
    known = ((run.publication.as_of_month, run.known_label(dfu_ck)) for run in view.newest_of_months(_LABEL_MONTHS))
    return [MonthLabel(as_of_month=month, **label) for month, label in known if label is not None]


def _existing_row(database: Database, dfu_ck: str) -> RowMapping:
    # PostgreSQL holds no NUL, and a key with half a surrogate pair is no text at all
    storable = "\0" not in dfu_ck and not any("\ud800" <= char <= "\udfff" for char in dfu_ck)
    row = database.row(dfu_ck) if storable else None
    if row is None:
        raise NotFoundError(f"{NAMES.tables.dfu} has no DFU of this dfu_ck.")
    return row
