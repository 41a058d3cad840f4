"""`modelviz diff`: what is another in one architecture than in another one."""

import argparse
from typing import TYPE_CHECKING, Any

from modelviz_callbacks.cli import arguments
from modelviz_callbacks.cli.exit_codes import DIFFERENT, SAME
from modelviz_callbacks.cli.output import busy, console, note, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from modelviz_callbacks.archive.reader import Record
    from modelviz_callbacks.comparison.record_diff import RecordDiff
    from modelviz_callbacks.comparison.report_lines import Line, Section

_MOST_LINES = 20
_STYLES = {"+": "green", "-": "red", "~": "yellow", " ": ""}
_DESCRIPTION = """\
Compares two records: modules added, removed, moved, renamed (recognised by their structure) and
reconfigured, what is trained, skip connections and other data flow, parameters and FLOPs, input
and environment."""
_EPILOG = """\
exit codes:
  0  the same architecture; another input or environment is shown all the same
  1  another architecture: modules, configuration, what is trained, or what the first step does
  2  a record cannot be read

examples:
  modelviz diff runs/exp1 runs/exp2
  modelviz diff runs/exp1 runs/exp2 --page diff.html
  modelviz diff checkpoints/last.ckpt runs/exp2 --json | jq .modules.changed
  modelviz diff runs/exp1 runs/exp2 > /dev/null && echo "nothing has changed"
"""


def add_to(commands: Any) -> None:
    """Adds the subcommand to argparse's."""
    parser = commands.add_parser(
        "diff",
        help="what is another in one architecture than in another one",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, place in (("old", "A"), ("new", "B")):
        parser.add_argument(
            name, metavar=place, help=f"the {name} record, a run's folder or a checkpoint"
        )
    parser.add_argument("--json", action="store_true", help="all of it as JSON, for scripts")
    parser.add_argument(
        "--all",
        action="store_true",
        help=f"every line, however many; otherwise {_MOST_LINES} under each heading",
    )
    parser.add_argument(
        "--page",
        metavar="FILE",
        help="makes a page besides, with both diagrams coloured by what has changed",
    )
    parser.add_argument(
        "--time-limit",
        type=arguments.seconds,
        default=60.0,
        metavar="SECONDS",
        help="for drawing the page's diagrams (%(default)g)",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from modelviz_callbacks.comparison.record_diff import compare_records
    from modelviz_callbacks.records import load_record

    page = None if options.page is None else _page_file(options.page)
    old, new = load_record(options.old), load_record(options.new)
    diff = compare_records(old, new)
    if page is not None:
        _write_page(page, old, new, diff, options.time_limit)
    if options.json:
        from modelviz_callbacks.comparison.as_json import diff_as_json

        print_json(diff_as_json(diff))
    else:
        _print(diff, most=None if options.all else _MOST_LINES)
    return DIFFERENT if diff else SAME


def _page_file(given: str) -> "Path":
    from modelviz_callbacks.cli.output_file import check_writable, local_path

    file = local_path(given)
    check_writable(file)
    return file


def _write_page(
    file: "Path", old: "Record", new: "Record", diff: "RecordDiff", limit_s: float
) -> None:
    from modelviz_callbacks.cli.output_file import write_file
    from modelviz_callbacks.diff_page.make import make_diff_page

    with busy("drawing both diagrams"):
        made = make_diff_page(old, new, diff, limit_s)
    write_file(file, made.html.encode("utf-8", "backslashreplace"))
    note(f"the page is {file}")
    for missing in made.notes:
        note(missing)


def _print(diff: "RecordDiff", most: int | None) -> None:
    from modelviz_callbacks.comparison.report_lines import (
        fingerprint_lines,
        headline,
        report_sections,
    )

    out = console()
    out.print(headline("A", diff.old))
    out.print(headline("B", diff.new))
    if not diff:
        out.print("\nThe same architecture; equal fingerprints:", style="bold")
        for line in fingerprint_lines(diff):
            out.print(f"  {line}")
    for section in report_sections(diff):
        _print_section(out, section, most)


def _print_section(out: "Console", section: "Section", most: int | None) -> None:
    out.print(f"\n{section.heading}", style="bold")
    for line in section.lines[:most]:
        _print_line(out, line)
    left = len(section.lines) - len(section.lines[:most])
    if left:
        out.print(f"    … and {left:,} more (--all)", style="dim")


def _print_line(out: "Console", line: "Line") -> None:
    from rich.text import Text

    text = Text(f"  {line.sign} {line.text}", style=_STYLES[line.sign])
    if line.aside:
        text.append(f"  {line.aside}", style="dim")
    out.print(text)
