"""Remove the folders of old runs as the section retention of the configuration says; --dry-run shows which."""

from datetime import UTC, datetime

from dfu_clustering.config.loading import config_path, load_config
from dfu_clustering.runs.run import var_folder
from dfu_clustering.standalone.program import run_program
from dfu_clustering.steps.remove_old_runs import remove_old_runs
from scripts.program import parser


def main() -> None:
    """Parse the arguments and remove."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--dry-run", action="store_true", help="show what would be removed and remove nothing")
    arguments.add_argument("--config", default=config_path(), metavar="FILE", help="YAML with the section retention")
    options = arguments.parse_args()
    config = load_config(options.config).retention
    found = remove_old_runs(var_folder() / "runs", config, datetime.now(UTC), dry_run=options.dry_run)
    for folder in found.removed:
        print(f"{folder.written_at:%Y-%m-%d}  {folder.size_mb:>9,.1f} MB  {folder.kind:<13}  {folder.name}")
    print(found)


if __name__ == "__main__":
    run_program(main)
