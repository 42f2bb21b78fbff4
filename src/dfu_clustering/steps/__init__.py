"""The steps of a run, behind both doors: the command-line programs and the flow call the same functions.

A step reads, calls pure code, writes, and returns a small frozen summary.
"""

from dfu_clustering.publish_report import PublishSummary
from dfu_clustering.steps.continuing import PublishedChoice, find_published, published_files
from dfu_clustering.steps.features import (
    FeatureFiles,
    FeatureSummary,
    build_features,
    join_parts,
    newest_month,
    sales_span,
)
from dfu_clustering.steps.labelling import LabelSummary, label_segments
from dfu_clustering.steps.model_files import ModelFiles
from dfu_clustering.steps.published_files import PublishedFiles
from dfu_clustering.steps.recording import RunSummary, record_early, record_run
from dfu_clustering.steps.reporting import ReportSources, ReportSummary, build_report
from dfu_clustering.steps.stability import StabilitySummary
from dfu_clustering.steps.training import TrainingSummary, train_model
from dfu_clustering.steps.updating import update_assignments

__all__ = [
    "FeatureFiles",
    "FeatureSummary",
    "LabelSummary",
    "ModelFiles",
    "PublishSummary",
    "PublishedChoice",
    "PublishedFiles",
    "ReportSources",
    "ReportSummary",
    "RunSummary",
    "StabilitySummary",
    "TrainingSummary",
    "build_features",
    "build_report",
    "find_published",
    "join_parts",
    "label_segments",
    "newest_month",
    "published_files",
    "record_early",
    "record_run",
    "sales_span",
    "train_model",
    "update_assignments",
]
