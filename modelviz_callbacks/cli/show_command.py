"""`modelviz show`: a record's summary in the terminal."""

import argparse
from typing import Any

from modelviz_callbacks.cli.exit_codes import SAME
from modelviz_callbacks.cli.output import console
from modelviz_callbacks.records import load_record


def add_to(commands: Any) -> None:
    """Adds the subcommand to argparse's."""
    parser = commands.add_parser(
        "show", help="a record's summary in the terminal", description=__doc__
    )
    parser.add_argument("record", metavar="RECORD", help="a record, a run's folder or a checkpoint")
    parser.add_argument("--depth", type=int, default=3, help="levels of modules (%(default)s)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from modelviz_callbacks.table.architecture_table import architecture_table

    record = load_record(options.record)
    console().print(architecture_table(record.graph(), options.depth), end="")
    return SAME
