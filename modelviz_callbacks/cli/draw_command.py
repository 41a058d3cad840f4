"""Draws a record's diagram again, at any depth, without the model."""

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from modelviz_callbacks.cli.arguments import depth, pictures, seconds
from modelviz_callbacks.cli.exit_codes import ERROR, SAME
from modelviz_callbacks.errors import ModelVizError

_INSTALL = 'pip install "modelviz-callbacks[pdf]"'
_EPILOG = """\
examples:
  modelviz draw runs/exp1 --depth 4 --format svg,pdf,png
  modelviz draw runs/exp1/checkpoints/last.ckpt -o figures/net.pdf
  modelviz draw runs/exp1 -o - > net.svg

Without -o, the first one writes exp1-depth4.svg and so on into this folder. The paths of what was
written are printed; what was simplified is told on stderr. A large PNG goes on in
exp1-depth4-2.png. Nothing is ever written into a record.

Exit codes: 0, or 2 if a picture could not be made."""


def add_to(commands: Any) -> None:
    """Adds the subcommand to argparse's."""
    parser = commands.add_parser(
        "draw",
        help="draw a record's diagram again, as SVG, PDF or PNG",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("record", metavar="RECORD", help="a record, a run's folder or a checkpoint")
    parser.add_argument(
        "--depth", type=depth, default=3, help="levels of modules that are opened (%(default)s)"
    )
    parser.add_argument(
        "--format",
        type=pictures,
        metavar="FORMATS",
        help="svg, pdf, png, or several with commas (by the ending of -o, else svg)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="a file, with or without its ending; a folder; or - for stdout (named by the run)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace files also where -o does not name them"
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=120,
        metavar="SECONDS",
        help="how long the drawing may take (%(default)s)",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from modelviz_callbacks.cli.drawing import draw
    from modelviz_callbacks.cli.output_file import STDOUT
    from modelviz_callbacks.cli.picture_files import formats_of, picture_files
    from modelviz_callbacks.cli.run_name import run_name
    from modelviz_callbacks.cli.seen_graph import load_seen

    formats = formats_of(options.output, options.format)
    _check_pdf(formats)
    to_stdout = options.output == STDOUT
    if to_stdout:
        _check_stdout(formats)
    record, graph = load_seen(options.record)
    if to_stdout:
        _print_picture(draw(graph, options.depth, formats, options.timeout), formats[0])
        return SAME
    name = f"{run_name(record.directory)}-depth{options.depth}"
    files = picture_files(options.output, formats, name, force=options.force)
    files.check([files.of(suffix) for suffix in formats])
    drawn = draw(graph, options.depth, formats, options.timeout)
    for file in files.write(drawn):
        print(file)
    # Why one is missing is among the notes.
    return SAME if set(drawn.files) == set(formats) else ERROR


def _check_pdf(formats: Sequence[str]) -> None:
    if "pdf" in formats and find_spec("typst") is None:
        raise ModelVizError(f"PDF needs Typst, which is not installed: {_INSTALL}")


def _check_stdout(formats: Sequence[str]) -> None:
    if len(formats) > 1:
        raise ModelVizError(f"-o - takes one format, not {','.join(formats)}.")
    if formats[0] != "svg" and sys.stdout.isatty():
        raise ModelVizError(f"a {formats[0].upper()} is nothing for a terminal: give -o a file.")


def _print_picture(drawn: Any, suffix: str) -> None:
    from modelviz_callbacks.cli.output_file import write_stdout

    if drawn.more_sheets:
        count = 1 + len(drawn.more_sheets)
        raise ModelVizError(f"the PNG has {count} sheets, and stdout takes one: give -o a file.")
    write_stdout(drawn.files[suffix])
