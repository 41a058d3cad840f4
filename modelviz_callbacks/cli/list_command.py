"""`modelviz list`: the records of all runs below a folder."""

import argparse
import heapq
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from modelviz_callbacks.cli import arguments
from modelviz_callbacks.cli.exit_codes import SAME
from modelviz_callbacks.errors import RecordError

if TYPE_CHECKING:
    from modelviz_callbacks.archive.found import FoundRecord
    from modelviz_callbacks.cli.search_progress import ShownProgress

_DESCRIPTION = """\
Lists the records below a folder or in a store, newest first. Runs with the same fingerprint have
the same modules, whatever their weights are. Records that cannot be read are told of and passed
over."""
_EPILOG = """\
examples:
  modelviz list lightning_logs
  modelviz list s3://bucket/runs --class "*resnet*" --limit 20
  modelviz list runs --like runs/exp1/checkpoints/last.ckpt

Into a pipe or a file goes a line for each record, with tabs between: its folder, the model's class,
parameters, FLOPs, the fingerprint, the status, and when it was begun (UTC); nothing is shortened:
  modelviz list runs | sort -t "$(printf '\\t')" -k3n      by parameters
  modelviz show "$(modelviz list runs --limit 1 | cut -f1)"

Exit codes: 0, also when there is no record; 2 if ROOT cannot be read."""
# With --verbose all of them.
_MOST_BROKEN = 3


def add_to(commands: Any) -> None:
    """Adds the subcommand to argparse's."""
    parser = commands.add_parser(
        "list",
        help="the records of all runs, newest first",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "root", metavar="ROOT", nargs="?", default=".", help="a folder, a path or URL (%(default)s)"
    )
    parser.add_argument(
        "--class",
        dest="class_name",
        metavar="CLASS",
        help="of this model class: its name, with or without its module, or a pattern",
    )
    parser.add_argument(
        "--name", metavar="TEXT", help="with this in the run's path, or a pattern for all of it"
    )
    same = parser.add_mutually_exclusive_group()
    same.add_argument(
        "--fingerprint", metavar="HASH", help="with a fingerprint that begins like this"
    )
    same.add_argument(
        "--like", metavar="RECORD", help="with the modules of this record, run or checkpoint"
    )
    parser.add_argument(
        "--limit", type=arguments.positive, metavar="N", help="no more than the N newest"
    )
    parser.add_argument(
        "--json", action="store_true", help="as an array of objects; those that cannot be read last"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="name all records that cannot be read"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from modelviz_callbacks.archive.search import find_records
    from modelviz_callbacks.cli.search_progress import ShownProgress

    like = options.fingerprint if options.like is None else _fingerprint_of(options.like)
    with ShownProgress() as progress:
        found = find_records(
            options.root,
            class_name=options.class_name,
            fingerprint=like,
            name=options.name,
            on_progress=progress,
        )
        broken: list[FoundRecord] = []
        records = _newest(_readable(found, broken), options.limit)
    _print(records, broken, as_json=options.json)
    for line in _remarks(records, broken, progress, options):
        print(line, file=sys.stderr)
    return SAME


def _fingerprint_of(place: str) -> str:
    from modelviz_callbacks.records import load_record

    record = load_record(place)
    try:
        return record.manifest.fingerprints["structure"]
    except KeyError as e:
        raise RecordError(
            f"{record.directory}: this record has no fingerprint: its modules were not seen."
        ) from e


def _readable(
    found: Iterable["FoundRecord"], broken: list["FoundRecord"]
) -> Iterator["FoundRecord"]:
    for record in found:
        if record.problem is None:
            yield record
        else:
            broken.append(record)


def _newest(found: Iterable["FoundRecord"], limit: int | None) -> list["FoundRecord"]:
    """Gives the newest first; those of one second in the order of their places."""
    if limit is None:
        return sorted(found, key=_begun, reverse=True)
    return heapq.nlargest(limit, found, key=_begun)


def _begun(record: "FoundRecord") -> str:
    return record.created_at or ""


def _print(records: list["FoundRecord"], broken: list["FoundRecord"], *, as_json: bool) -> None:
    from modelviz_callbacks.cli import record_list

    if as_json:
        record_list.print_as_json([*records, *broken])
    elif sys.stdout.isatty():
        record_list.print_as_table(records)
    else:
        record_list.print_as_lines(records)


def _remarks(
    records: list["FoundRecord"],
    broken: list["FoundRecord"],
    progress: "ShownProgress",
    options: argparse.Namespace,
) -> Iterator[str]:
    from modelviz_callbacks.cli.output import shown

    if not records:
        others = len(broken)
        readable = progress.last.records - others
        yield f"No record below {shown(options.root)}" + (
            f" is one of these; {readable:,} others are there." if readable else "."
        )
    if broken:
        told = broken if options.verbose else broken[:_MOST_BROKEN]
        yield f"{len(broken):,} cannot be read:"
        yield from (f"  {shown(record.name)}: {shown(record.problem)}" for record in told)
        if len(told) < len(broken):
            yield f"  and {len(broken) - len(told):,} more (-v names all)"
    yield from progress.left_out()
