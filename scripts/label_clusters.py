"""Give every cluster its business label, with the reason, and every DFU the label of its cluster."""

from dfu_clustering.standalone.commands import label
from dfu_clustering.standalone.program import run_program
from scripts.program import parser


def main() -> None:
    """Parse the arguments and label."""
    arguments = parser(__doc__ or "")
    label.add_arguments(arguments)
    label.run(arguments.parse_args())


if __name__ == "__main__":
    run_program(main)
