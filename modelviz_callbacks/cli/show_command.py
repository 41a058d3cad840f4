"""`modelviz show`: what a record tells, in the terminal."""

import argparse
from typing import TYPE_CHECKING, Any

from modelviz_callbacks.cli import arguments
from modelviz_callbacks.cli.exit_codes import SAME
from modelviz_callbacks.cli.output import print_json, print_lines, table_width
from modelviz_callbacks.errors import RecordError

if TYPE_CHECKING:
    from modelviz_callbacks.archive.reader import Record

_DESCRIPTION = """\
Shows a record: how it went, where it was made, and a table of the model's modules with what each
gives out, holds and computes. A step that raised shows where it stopped."""
_EPILOG = """\
examples:
  modelviz show runs/exp1
  modelviz show runs/exp1/checkpoints/last.ckpt --depth 5
  modelviz show runs/exp1 --module net.layer1.0.conv1
  modelviz show runs/exp1 --json | jq '.modules[] | select(.parameters > 1000000) | .path'"""


def add_to(commands: Any) -> None:
    """Adds the subcommand to argparse's."""
    parser = commands.add_parser(
        "show",
        help="what a record tells: the model's table, a module, inputs and outputs",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("record", metavar="RECORD", help="a record, a run's folder or a checkpoint")
    parser.add_argument(
        "--depth", type=arguments.depth, default=3, help="levels of modules (%(default)s)"
    )
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--module", metavar="PATH", help='one module in full, with each of its calls; "." is all'
    )
    part.add_argument(
        "--inputs", action="store_true", help="what went into the step and what came out"
    )
    parser.add_argument(
        "--json", action="store_true", help="the manifest, the modules and the step's ends"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from modelviz_callbacks.records import load_record

    record = load_record(options.record)
    if options.module is not None:
        _show_module(record, options.module.strip("."), as_json=options.json)
    elif options.json:
        _print_json(record, options.depth)
    elif options.inputs:
        from modelviz_callbacks.table.step_sheet import step_sheet

        print_lines(step_sheet(record.graph(), table_width()))
    else:
        _show(record, options.depth)
    return SAME


def _show(record: "Record", depth: int) -> None:
    from modelviz_callbacks.cli.record_head import head_of, head_without_graph
    from modelviz_callbacks.table.architecture_table import architecture_table
    from modelviz_callbacks.table.entries import entry_lines

    width = table_width()
    try:
        graph = record.graph()
    except RecordError as error:
        problem = str(error).removeprefix(f"{record.directory}: ")
        print_lines("\n".join(entry_lines(head_without_graph(record, problem), width)))
        return
    head = "\n".join(entry_lines(head_of(record), width))
    print_lines(f"{head}\n\n{architecture_table(graph, depth, width)}")


def _show_module(record: "Record", given: str, *, as_json: bool) -> None:
    from modelviz_callbacks.cli.module_choice import chosen_module

    graph = record.graph()
    path = chosen_module(graph, given)
    if as_json:
        from modelviz_callbacks.cli.record_json import module_in_full

        print_json(module_in_full(graph, path))
    else:
        from modelviz_callbacks.table.module_sheet import module_sheet

        print_lines(module_sheet(graph, path, table_width()))


def _print_json(record: "Record", depth: int) -> None:
    from modelviz_callbacks.cli.record_json import record_in_full

    print_json(record_in_full(record, depth))
