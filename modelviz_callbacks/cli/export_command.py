"""Gives a record's graph in another program's format: Model Explorer, Mermaid, Graphviz."""

import argparse
from typing import TYPE_CHECKING, Any

from modelviz_callbacks.cli.arguments import depth
from modelviz_callbacks.cli.exit_codes import SAME
from modelviz_callbacks.errors import ModelVizError

if TYPE_CHECKING:
    from modelviz_callbacks.export.exported import Exported
    from modelviz_callbacks.graph.model import ArchitectureGraph

_FORMATS = ("model-explorer", "mermaid", "dot")
_DOT_DEPTH = 3
_EPILOG = """\
examples:
  modelviz export runs/exp1 --to model-explorer -o exp1.json && model-explorer exp1.json
  modelviz export runs/exp1 --to mermaid              for a mermaid code block on GitHub
  modelviz export runs/exp1 --to dot --depth 4 | dot -Tpdf > exp1.pdf

What was left out is told on stderr. Exit codes: 0, or 2 for an error."""


def add_to(commands: Any) -> None:
    """Adds the subcommand to argparse's."""
    parser = commands.add_parser(
        "export",
        help="a record's graph for Model Explorer, Mermaid or Graphviz",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("record", metavar="RECORD", help="a record, a run's folder or a checkpoint")
    parser.add_argument("--to", choices=_FORMATS, required=True, help="the format")
    parser.add_argument(
        "--depth",
        type=depth,
        help=f"levels of modules that are opened (dot: {_DOT_DEPTH}; mermaid: as many as can be "
        "read; model-explorer has all)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help="a file (stdout)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from modelviz_callbacks.cli.output import note
    from modelviz_callbacks.cli.output_file import STDOUT, check_file, write_file, write_stdout
    from modelviz_callbacks.cli.run_name import run_name
    from modelviz_callbacks.cli.seen_graph import load_seen

    if options.to == "model-explorer" and options.depth is not None:
        raise ModelVizError("--depth: Model Explorer opens and closes levels itself, it has all.")
    target = None if options.output == STDOUT else check_file(options.output)
    record, graph = load_seen(options.record)
    exported = _exported(options, graph, run_name(record.directory))
    content = exported.text.encode("utf-8", "backslashreplace")
    if target is None:
        write_stdout(content)
    else:
        write_file(target, content)
    for said in exported.notes:
        note(said)
    return SAME


def _exported(options: argparse.Namespace, graph: "ArchitectureGraph", name: str) -> "Exported":
    if options.to == "model-explorer":
        from modelviz_callbacks.export.model_explorer import to_model_explorer

        return to_model_explorer(graph, name)
    if options.to == "mermaid":
        from modelviz_callbacks.export.mermaid import to_mermaid

        return to_mermaid(graph, options.depth)
    from modelviz_callbacks.export.dot import to_dot

    return to_dot(graph, _DOT_DEPTH if options.depth is None else options.depth)
