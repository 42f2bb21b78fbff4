"""Say what changed from one run to another, and why: labels, words, sizes, settings; as text, JSON or a page."""

from dfu_clustering.standalone.commands import compare
from dfu_clustering.standalone.program import run_program
from scripts.program import parser


def main() -> None:
    """Parse the arguments and compare."""
    arguments = parser(__doc__ or "")
    compare.add_arguments(arguments)
    compare.run(arguments.parse_args())


if __name__ == "__main__":
    run_program(main)
