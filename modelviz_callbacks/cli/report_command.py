"""`modelviz report`: one page over all runs."""

import argparse
from typing import Any

from modelviz_callbacks.cli import arguments
from modelviz_callbacks.cli.exit_codes import SAME
from modelviz_callbacks.cli.output import console, shown

_DESCRIPTION = """\
Makes one page over all records below a folder: a table of the runs, each different architecture
with a picture, how the architecture of each model changed from run to run, and links to each
record's own page. The page is one file that opens from disk and loads nothing; links in it are
relative, so keep it where it is made, beside the runs."""
_MOST_BROKEN = 10
_EPILOG = """\
example:
  modelviz report runs -o runs/report.html"""


def add_to(commands: Any) -> None:
    """Adds the subcommand to argparse's."""
    parser = commands.add_parser(
        "report",
        help="one page over all runs",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("root", metavar="ROOT", help="a folder with runs below it, a path or URL")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="report.html",
        help="the page; what was there is replaced (%(default)s)",
    )
    parser.add_argument(
        "--thumbnails",
        type=arguments.count,
        default=60,
        metavar="N",
        help="show the N newest architectures with a picture (%(default)s)",
    )
    parser.add_argument(
        "--time-limit",
        type=arguments.seconds,
        default=60.0,
        metavar="SECONDS",
        help="for comparing architectures, and again for painting pictures (%(default)g)",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from modelviz_callbacks.cli.output_file import check_writable, local_path, write_file
    from modelviz_callbacks.records import find_records
    from modelviz_callbacks.report.make import make_report

    file = local_path(options.output)
    check_writable(file)
    progress = console(stderr=True)
    with progress.status("looking for records") as status:
        made = make_report(
            options.root,
            find_records(options.root),
            file.parent,
            most_thumbnails=options.thumbnails,
            limit_s=options.time_limit,
            on_stage=status.update,
        )
    write_file(file, made.html.encode("utf-8", "backslashreplace"))
    archive = made.archive
    for record in archive.broken[:_MOST_BROKEN]:
        progress.print(f"{shown(record.name)}: {shown(record.problem)}")
    if len(archive.broken) > _MOST_BROKEN:
        progress.print(f"and {len(archive.broken) - _MOST_BROKEN:,} more that cannot be read")
    for note in made.notes:
        progress.print(note)
    console().print(
        f"{shown(file)}: {len(archive.runs):,} runs, {len(archive.architectures):,} architectures"
    )
    return SAME
