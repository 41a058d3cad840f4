"""`modelviz report`: one page over all runs."""

import argparse
from typing import Any

from modelviz_callbacks.cli import arguments
from modelviz_callbacks.cli.exit_codes import SAME
from modelviz_callbacks.cli.output import busy, console, note, shown
from modelviz_callbacks.graph.plain_text import many

_DESCRIPTION = """\
Makes one page over all records below a folder: a table of the runs, each different architecture
with a picture, how the architecture of each model changed from run to run, and links to each
record's own page. The page is one file that opens from disk and loads nothing; links in it are
relative, so keep it where it is made, beside the runs."""
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
    parser.add_argument(
        "root", metavar="ROOT", nargs="?", default=".", help="a folder, a path or URL (%(default)s)"
    )
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
    from modelviz_callbacks.cli.search_progress import ShownProgress
    from modelviz_callbacks.records import find_records
    from modelviz_callbacks.report.make import make_report
    from modelviz_callbacks.report.runs import read_archive

    file = local_path(options.output)
    check_writable(file)
    with ShownProgress() as progress:
        archive = read_archive(find_records(options.root, on_progress=progress))
    with busy("comparing architectures and painting their pictures"):
        report = make_report(
            options.root,
            archive,
            file.parent,
            most_thumbnails=options.thumbnails,
            limit_s=options.time_limit,
        )
    write_file(file, report.html.encode("utf-8", "backslashreplace"))
    told = f"{many(len(archive.runs), 'run')}, {many(len(archive.architectures), 'architecture')}"
    console().print(f"{shown(file)}: {told}")
    if archive.broken:
        note(f"{many(len(archive.broken), 'record')} cannot be read; the page says why.")
    for remark in (*report.notes, *progress.left_out()):
        note(remark)
    return SAME
