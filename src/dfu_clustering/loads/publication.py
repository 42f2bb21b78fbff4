"""One publish as the ledger keeps it, and when a load counts as published."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import AwareDatetime

from dfu_clustering.files.summary import Summary
from dfu_clustering.loads.sales_loads import SalesState

NOT_YET: Final = datetime(1, 1, 1, tzinfo=UTC)  # when a line was published that is only about to be


class Publication(Summary):
    """One publish, as the ledger keeps it.

    Attributes:
        as_of_month: Newest month that counted.
        load_id: The load that asked for it; None for a run by hand or by schedule.
        fingerprint: SalesState.fingerprint before the sales were read.
        config_digest: ClusteringConfig.digest() of the run.
        run: Name of the run's folder; it ends with the run's id.
        labels: Number of DFUs by label.
        published_at: When, with its time zone.
        restored: Whether the labels of an earlier run were restored; ``run`` is that earlier run then.
        model_sha256: Of the stored model, so that damage is noticed; None where it was not kept.
        warehouse: Which DFU table was published to; None in lines of earlier versions, as those that follow.
        labels_digest: Which DFU of that table has which label since.
        moved_from: Name of the warehouse whose publishes came before, where it has moved by a dump since.
        began: When the run began, by the warehouse's clock.
        overrides: Ids of the overrides that are on top of the run's labels.
        labels_at: Where only the overrides on top of labels were changed: when these labels were published.
    """

    as_of_month: str
    load_id: str | None
    fingerprint: str
    config_digest: str
    run: str
    labels: dict[str, int]
    published_at: AwareDatetime
    restored: bool = False
    model_sha256: str | None = None
    warehouse: str | None = None
    labels_digest: str | None = None
    moved_from: str | None = None
    began: AwareDatetime | None = None
    overrides: tuple[str, ...] = ()
    labels_at: AwareDatetime | None = None

    @property
    def kind(self) -> Literal["run", "restore", "overrides"]:
        """Return what it brought: labels of a run, of an earlier one again, or other overrides on the same labels."""
        return "overrides" if self.same_labels else "restore" if self.restored else "run"

    @property
    def same_labels(self) -> bool:
        """Tell whether it only changed the overrides on top of labels that stood already."""
        return self.labels_at is not None

    def is_of_same_labels(self, other: "Publication") -> bool:
        """Tell whether its labels were brought by the same publish, whatever people have set on top of them since."""
        own, others = ((line.run, line.labels_at or line.published_at) for line in (self, other))
        return own == others

    def __str__(self) -> str:
        """Return it in the words of a run's state message."""
        how = "restored from" if self.restored else "by"
        how = f"with other overrides {how}" if self.same_labels else how
        return f"as of {self.as_of_month} {how} run {self.run} at {self.published_at:%Y-%m-%d %H:%M:%S %Z}"


def month_to_publish(announced: str | None, publications: Iterable[Publication]) -> str | None:
    """Return the as-of month of a run that a load asks for; None is the newest month in the table.

    A load of a month before the newest published one is a late correction, or an announcement that comes late: labels
    never go back in time, so it is published as of the newest month published, whose data it is part of.
    """
    if announced is None:
        return None
    return max([announced, *(publication.as_of_month for publication in publications)])


def find_publication(
    publications: Sequence[Publication], state: SalesState, *, load_id: str | None, config_digest: str, run_id: str
) -> Publication | None:
    """Return the publish in which a load is contained already, if there is one.

    That is a publish for the same load_id, or one of the same table state with the same configuration, whatever its
    load was called. The run's own publish does not count: a run that is resumed after it continues to its end.
    """

    def answers(publication: Publication) -> bool:
        same_load = load_id is not None and publication.load_id == load_id
        same_state = state.has(publication.fingerprint) and publication.config_digest == config_digest
        return (same_load or same_state) and not publication.run.endswith(f"-{run_id}")

    return _standing_answer(publications, answers)


def find_state(publications: Sequence[Publication], state: SalesState) -> Publication | None:
    """Return the publish of a table's state, with whatever configuration and name."""
    return _standing_answer(publications, lambda publication: state.has(publication.fingerprint))


def _standing_answer(publications: Sequence[Publication], answers: Callable[[Publication], bool]) -> Publication | None:
    """Return the newest publish that answers, but for those that a run replaced by labels of an earlier month.

    Labels that were restored replace no answer: somebody did not want the load's labels, and wants them no more when
    the load is announced again. They renew the answer of the run that they are of.
    """
    newest_of = {publication.run: place for place, publication in enumerate(publications)}
    for publication in reversed(publications):
        if answers(publication):
            later = publications[newest_of[publication.run] + 1 :]
            if not any(not one.restored and one.as_of_month < publication.as_of_month for one in later):
                return publication
    return None
