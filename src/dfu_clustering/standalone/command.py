"""The command ``dfu-clustering``: segments of a file of sales, without a server or a database."""

import argparse

from dfu_clustering.standalone.commands import compare, features, forecast_value, label, segment, train
from dfu_clustering.standalone.program import EXIT_CODES, HelpFormatter, run_program

_COMMANDS = {
    "segment": segment,
    "features": features,
    "train": train,
    "label": label,
    "compare": compare,
    "forecast-value": forecast_value,
}


def main() -> None:
    """Run the command that the arguments name."""
    run_program(_main)


def _main() -> None:
    options = _arguments().parse_args()
    options.run(options)


def _arguments() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        prog="dfu-clustering", description=__doc__, epilog=EXIT_CODES, formatter_class=HelpFormatter
    )
    commands = arguments.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in _COMMANDS.items():
        purpose = (module.__doc__ or "").strip()
        command = commands.add_parser(
            name, help=purpose, description=purpose, epilog=EXIT_CODES, formatter_class=HelpFormatter
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return arguments


if __name__ == "__main__":
    main()
