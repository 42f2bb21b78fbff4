"""Great Expectations at work: batches are judged, and the Data Docs of a run grow with every gate."""

import json
import logging
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.datasource.fluent import PostgresDatasource
from great_expectations.expectations.expectation import Expectation
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import StaticPool, event

from dfu_clustering.quality.gate_reports import Check
from dfu_clustering.runs.run import Run
from expectations.engine.checks import PARAMETER, Batch
from expectations.engine.data_docs import is_done, write_start_page
from expectations.engine.page_view import EscapedPageView
from expectations.engine.results import KEYS_KEPT, ExpectationError, Finding, names, one_a_name

logger = logging.getLogger(__name__)

Parameters = Mapping[str, Any]

# in the folder of the run
_SITE = "data_docs"
_EXPECTATIONS = ("data_quality", "expectations_store")
_RESULTS = ("data_quality", "validation_results_store")


@dataclass(frozen=True)
class Judgement:
    """What came out of batches.

    Attributes:
        checks: Expectations that were judged.
        not_judged: Names of those for which there is nothing to judge them by.
        complete: Whether no essential batch ended the work.
    """

    checks: tuple[Check, ...] = ()
    not_judged: tuple[str, ...] = ()
    complete: bool = True

    def __add__(self, later: "Judgement") -> "Judgement":
        return Judgement(
            (*self.checks, *later.checks), (*self.not_judged, *later.not_judged), self.complete and later.complete
        )


def left_out(*batches: Batch) -> Judgement:
    """Return the judgement of batches that cannot be judged."""
    return Judgement(not_judged=names(e for batch in batches for e in batch.expectations), complete=False)


class Validator:
    """Judges batches for one run.

    Args:
        run: Gets the Data Docs, ``data_docs/``, and what they are made of, so that later gates can add to them.
        connection: Where batches with a SELECT are judged. Great Expectations works on this very connection, so it sees
            the temporary tables and the snapshot on it, and knows neither address nor password.
    """

    def __init__(self, run: Run, connection: Connection | None = None) -> None:
        self._run = run
        self._connection = connection
        _remove_cut_off_files(run.folder)
        self._context = gx.get_context(project_config=_context_config(run.folder), mode="ephemeral")
        self._frames = (
            self._context.data_sources.add_pandas("run")
            .add_dataframe_asset("frames")
            .add_batch_definition_whole_dataframe("all")
        )
        self._definitions: dict[str, BatchDefinition[Any]] = {}  # by source; each new one costs a save of all
        self._judged: set[str] = set()  # suites
        self._errors: list[BaseException] = []
        self._warehouse = self._attach(connection) if connection else None

    def judge(self, batches: Iterable[Batch], parameters: Parameters) -> Judgement:
        """Judge batches one after another.

        Args:
            batches: After an essential one that fails the others are not judged.
            parameters: Bounds by name; an expectation whose bound is None is not judged.

        Raises:
            psycopg2.Error: PostgreSQL refused, or the connection was lost.
            ExpectationError: Great Expectations failed otherwise.
        """
        judgement = Judgement()
        for batch in batches:
            judgement += self._judge(batch, parameters) if judgement.complete else left_out(batch)
        return judgement

    def write_docs(self) -> None:
        """Bring the Data Docs of the run up to date: pages of earlier gates stay, and the start page lists them all."""
        site, results = self._run.folder / _SITE, self._run.folder.joinpath(*_RESULTS)
        suites: list[Any] = self._context.expectations_store.list_keys()
        judged: list[Any] = self._context.validation_results_store.list_keys()
        lacking = [key for key in judged if not is_done(site, "validations", key.to_tuple())]
        lacking += [
            key for key in suites if key.name in self._judged or not is_done(site, "expectations", key.to_tuple())
        ]
        if lacking:
            # no index: the site has a start page of its own
            self._context.build_data_docs(resource_identifiers=lacking, build_index=False)
        write_start_page(site, results, f"Data quality as of {self._run.as_of_month}")

    def _judge(self, batch: Batch, parameters: Parameters) -> Judgement:
        known = [e for e in batch.expectations if _is_known(e, parameters)]
        unknown = names(e for e in batch.expectations if not _is_known(e, parameters))
        if not known:
            return Judgement(not_judged=unknown)
        findings = self._findings(batch, known, parameters)
        full = [finding for finding in findings if not finding.is_empty]
        order = names(known)
        checks = one_a_name(
            finding.check(() if finding.passed else self._sample_keys(batch, finding, parameters))
            for finding in sorted(full, key=lambda finding: order.index(finding.name))
        )
        empty = tuple(dict.fromkeys(finding.name for finding in findings if finding.is_empty))
        return Judgement(checks, unknown + empty, not batch.essential or all(check.passed for check in checks))

    def _findings(self, batch: Batch, expectations: list[Expectation], parameters: Parameters) -> list[Finding]:
        # copies: an expectation belongs to one suite, and declared ones are asked again and again
        asked = gx.ExpectationSuite(batch.file_name, expectations=[copy(expectation) for expectation in expectations])
        definition = self._context.validation_definitions.add_or_update(  # the suite too
            gx.ValidationDefinition(name=batch.file_name, data=self._definition(batch), suite=asked)
        )
        self._judged.add(batch.file_name)
        answers = definition.run(
            batch_parameters=None if isinstance(batch.source, str) else {"dataframe": batch.source},
            expectation_parameters=dict(parameters),
            result_format=_result_format(batch.key),
            run_id=gx.RunIdentifier(run_name=self._run.folder.name),
        )
        findings = [Finding.of(answer) for answer in answers.results]
        for finding in findings:
            if finding.exceptions:
                # Great Expectations turns errors into text; the driver's own error says whether to try again
                raise self._errors[-1] if self._errors else ExpectationError(f"{finding.name}: {finding.exceptions[0]}")
        return findings

    def _definition(self, batch: Batch) -> BatchDefinition[Any]:
        if not isinstance(batch.source, str):
            return self._frames
        if batch.source not in self._definitions:
            self._definitions[batch.source] = self._in_warehouse(batch)
        return self._definitions[batch.source]

    def _in_warehouse(self, batch: Batch) -> BatchDefinition[Any]:
        if self._warehouse is None:
            raise ExpectationError(f"{batch.name} lies in the warehouse, and no connection was given")
        source = str(batch.source)
        if source.startswith("SELECT"):
            return self._warehouse.add_query_asset(batch.file_name, source).add_batch_definition_whole_table("all")
        return self._warehouse.add_table_asset(source, source).add_batch_definition_whole_table("all")

    def _attach(self, connection: Connection) -> PostgresDatasource:
        warehouse = PostgresDatasource(
            name="warehouse",
            connection_string="postgresql+psycopg2://role@warehouse/database",  # a form; creator is what connects
            kwargs={"creator": lambda: connection, "poolclass": StaticPool},
        )
        attached: PostgresDatasource = self._context.data_sources.add_postgres(warehouse)
        engine = attached.get_execution_engine().engine
        event.listen(engine, "handle_error", lambda failure: self._errors.append(failure.original_exception))
        return attached

    def _sample_keys(self, batch: Batch, finding: Finding, parameters: Parameters) -> list[Any]:
        if isinstance(finding.keys, str) and self._connection is not None:
            with self._connection.cursor() as cursor:
                cursor.execute(finding.keys, dict(parameters))
                return [key for (key,) in cursor.fetchmany(KEYS_KEPT)]
        return finding.keys if isinstance(finding.keys, list) else finding.listed_keys(batch.key)


def _remove_cut_off_files(folder: Path) -> None:
    """Remove files that a full disk or a kill left incomplete: Great Expectations writes its files in place."""
    for store in (_EXPECTATIONS, _RESULTS):
        for path in folder.joinpath(*store).rglob("*.json"):
            try:
                json.loads(path.read_bytes())
            except ValueError:
                logger.warning("removed %s: an earlier attempt did not write all of it", path)
                path.unlink()


def _context_config(folder: Path) -> DataContextConfig:
    def on_disk(*path: str) -> dict[str, Any]:
        return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.joinpath(*path))}

    defaults = InMemoryStoreBackendDefaults()
    # kept on disk, so that the gates of a run, which are tasks of their own, fill one site
    for kind, name, path in (
        ("ExpectationsStore", defaults.expectations_store_name, _EXPECTATIONS),
        ("ValidationResultsStore", defaults.validation_results_store_name, _RESULTS),
    ):
        defaults.stores[name] = {"class_name": kind, "store_backend": on_disk(*path)}
    view = {"module_name": EscapedPageView.__module__, "class_name": EscapedPageView.__name__}
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "site_section_builders": {"expectations": {"view": view}, "validations": {"view": view}},
        "store_backend": on_disk(_SITE),
    }
    return DataContextConfig(
        store_backend_defaults=defaults,
        data_docs_sites={"run": site},
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _result_format(key: str | None) -> dict[str, Any]:
    wanted: dict[str, Any] = {"result_format": "SUMMARY", "partial_unexpected_count": KEYS_KEPT}
    return wanted | ({"unexpected_index_column_names": [key]} if key else {})


def _is_known(expectation: Expectation, parameters: Parameters) -> bool:
    settings = expectation.configuration.kwargs.values()
    named = [value[PARAMETER] for value in settings if isinstance(value, dict) and PARAMETER in value]
    return all(parameters.get(name) is not None for name in named)
