"""Draws a record's diagram again, at any depth, without the model."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from modelviz_callbacks.cli.arguments import depth, seconds
from modelviz_callbacks.cli.exit_codes import ERROR, SAME
from modelviz_callbacks.cli.output import busy, note
from modelviz_callbacks.errors import ModelVizError

if TYPE_CHECKING:
    from modelviz_callbacks.cli.picture_files import PictureFiles
    from modelviz_callbacks.draw.job import Drawn

_FORMATS = ("svg", "pdf", "png")
_INSTALL = 'pip install "modelviz-callbacks[pdf]"'
_EPILOG = (
    "Example: modelviz draw runs/exp1 --depth 4 --format svg,pdf,png. The files are written here, "
    "as exp1-depth4.svg and so on, and their paths are printed; what had to be simplified is told "
    "on stderr. A large PNG goes on in exp1-depth4-2.png."
)


def add_to(commands: Any) -> None:
    """Adds the subcommand to argparse's."""
    parser = commands.add_parser(
        "draw",
        help="draw a record's diagram again, as SVG, PDF or PNG",
        description=__doc__,
        epilog=_EPILOG,
    )
    parser.add_argument("record", metavar="RECORD", help="a record, a run's folder or a checkpoint")
    parser.add_argument(
        "--depth", type=depth, default=3, help="levels of modules that are opened (%(default)s)"
    )
    parser.add_argument(
        "--format",
        type=_formats,
        metavar="FORMATS",
        help="svg, pdf, png, or several with commas (the ending of -o, else svg)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="a file, whose ending may be left out; a folder; or - for stdout (the run's name)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace files even where -o does not name them"
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
    from modelviz_callbacks.cli.output_file import STDOUT
    from modelviz_callbacks.cli.picture_files import formats_of, picture_files, picture_name
    from modelviz_callbacks.cli.seen_graph import load_seen

    formats = formats_of(options.output, options.format)
    _check_formats(formats, options.output)
    record, graph = load_seen(options.record)
    if options.output == STDOUT:
        drawn = _drawn(graph, formats, options)
        _print_picture(drawn, formats[0])
        return SAME
    name = picture_name(record.directory, options.depth)
    files = picture_files(options.output, formats, name, force=options.force)
    files.check([files.of(suffix) for suffix in formats])
    return _write(_drawn(graph, formats, options), files)


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",")))
    for name in names:
        if name not in _FORMATS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(_FORMATS)}")
    return names


def _check_formats(formats: Sequence[str], output: str | None) -> None:
    from importlib.util import find_spec

    from modelviz_callbacks.cli.output_file import STDOUT

    if "pdf" in formats and find_spec("typst") is None:
        raise ModelVizError(f"PDF needs Typst, which is not installed: {_INSTALL}")
    if output == STDOUT and len(formats) > 1:
        raise ModelVizError(f"-o - takes one format, not {','.join(formats)}.")
    if output == STDOUT and formats != ("svg",) and sys.stdout.isatty():
        raise ModelVizError(f"a {formats[0].upper()} is nothing for a terminal. Name a file by -o.")


def _drawn(graph: Any, formats: tuple[str, ...], options: argparse.Namespace) -> "Drawn":
    """Draws in child processes, and tells what was simplified."""
    from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
    from modelviz_callbacks.draw.job import DrawJob
    from modelviz_callbacks.draw.supervisor import Drawing

    with busy("drawing …"):
        dot, notes = architecture_dot(graph, options.depth)
        job = DrawJob("draw", dot, formats, "architecture", graph.to_json(), options.depth)
        found: list[Drawn] = []
        drawing = Drawing([job], options.timeout, found.append)
        drawing.start()
        try:
            drawing.wait()
        finally:
            # After Ctrl+C a child is at work, and its folder has to go.
            drawing.cancel()
            drawing.wait(_TO_END_S)
    drawn = found[0]
    if drawn.status == "failed":
        raise ModelVizError(f"the diagram could not be drawn: {drawn.error}")
    for said in (*notes, *graph.notes, *drawn.notes):
        note(said)
    return drawn


def _print_picture(drawn: "Drawn", suffix: str) -> None:
    from modelviz_callbacks.cli.output_file import write_stdout

    if drawn.more_sheets:
        count = 1 + len(drawn.more_sheets)
        raise ModelVizError(f"the PNG has {count} sheets, stdout holds one. Name a file by -o.")
    write_stdout(drawn.files[suffix])


def _write(drawn: "Drawn", files: "PictureFiles") -> int:
    from modelviz_callbacks.cli.output_file import write_file

    contents = dict(_contents(drawn, files))
    files.check(list(contents))
    for file, content in contents.items():
        write_file(file, content)
        print(file)
    # Why one is missing is among the notes.
    return SAME if set(drawn.files) == set(drawn.job.formats) else ERROR


def _contents(drawn: "Drawn", files: "PictureFiles") -> Iterator[tuple[Any, bytes]]:
    for suffix in drawn.job.formats:
        if suffix in drawn.files:
            yield files.of(suffix), drawn.files[suffix]
        if suffix == "png":
            for sheet, content in enumerate(drawn.more_sheets, start=2):
                yield files.of(suffix, sheet), content
