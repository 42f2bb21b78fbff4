"""Choose the number of clusters, fit them, and write assignments, centroids, metadata and pictures."""

from dfu_clustering.standalone.commands import train
from dfu_clustering.standalone.program import run_program
from scripts.program import parser


def main() -> None:
    """Parse the arguments and train."""
    arguments = parser(__doc__ or "")
    train.add_arguments(arguments)
    train.run(arguments.parse_args())


if __name__ == "__main__":
    run_program(main)
