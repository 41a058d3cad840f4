"""Found records as a table on a terminal, as lines for other programs, and as JSON."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from modelviz_callbacks.cli.output import console, print_json_array, shown
from modelviz_callbacks.graph.plain_text import last_part, many
from modelviz_callbacks.graph.units import human_count
from modelviz_callbacks.table.columns import aligned, visible

if TYPE_CHECKING:
    from rich.text import Text

    from modelviz_callbacks.archive.found import FoundRecord

_HEADINGS = ("Run", "Model", "Parameters", "FLOPs", "Fingerprint", "Status", "Begun (UTC)")
_ALIGNMENT = "<<>>><>"
# Which columns a narrow terminal has no room for.
_LEAST_WIDTHS = (0, 0, 60, 90, 0, 0, 80)
_HASH_LETTERS = 8
# Neighbours in the list should differ; red is for what failed.
_GROUP_STYLES = ("cyan", "yellow", "magenta", "green", "blue", "bright_cyan", "bright_magenta")
_STATUS_STYLES = {"failed_step": "red", "partial": "yellow"}


def print_as_table(records: Sequence["FoundRecord"]) -> None:
    """Prints a line for each record, as wide as the terminal; equal models have equal colours."""
    from rich.text import Text

    if not records:
        return
    terminal = console()
    columns = [i for i, least in enumerate(_LEAST_WIDTHS) if terminal.width >= least]
    head, rule, *lines, end = aligned(
        [[row[i] for i in columns] for row in (_HEADINGS, *map(_cells, records))],
        "".join(_ALIGNMENT[i] for i in columns),
        terminal.width,
    )
    table = Text("\n").join(
        [
            Text(head, "bold"),
            Text(rule, "dim"),
            *map(_coloured, lines, records, _group_styles(records)),
            Text(end, "dim"),
            Text(_sum(records)),
        ]
    )
    terminal.print(table, no_wrap=True, overflow="ellipsis", soft_wrap=False)


def _sum(records: Sequence["FoundRecord"]) -> str:
    known = {hash_ for record in records if (hash_ := record.fingerprints.get("structure"))}
    return f"{many(len(records), 'record')}, {many(len(known), 'different model')}"


def _group_styles(records: Sequence["FoundRecord"]) -> Iterator[str]:
    """Gives each fingerprint that several records have a colour; what is there once has none."""
    hashes = list(map(_short_hash, records))
    repeated = (value for value, times in Counter(hashes).items() if value and times > 1)
    styles = dict(zip(repeated, cycle(_GROUP_STYLES), strict=False))
    return (styles.get(value, "") for value in hashes)


def _coloured(line: str, record: "FoundRecord", group_style: str) -> "Text":
    from rich.text import Text

    text = Text(line)
    for part, style in (
        (_short_hash(record), group_style),
        (_said(record), _STATUS_STYLES.get(record.status or "", "")),
    ):
        # Runs may be called like that, but they stand before it.
        start = line.rfind(part)
        if style and start >= 0:
            text.stylize(style, start, start + len(part))
    return text


def print_as_lines(records: Iterable["FoundRecord"]) -> None:
    """Prints a line for each record, with tabs between; nothing is left out or shortened.

    Its folder, the model's class, parameters, FLOPs, the structure's fingerprint, the status, and
    when it was begun (UTC); what is not known is empty. Characters that would break a line or steer
    a terminal are written as escapes.
    """
    for record in records:
        values = (
            record.directory,
            record.class_name,
            record.parameters,
            record.flops_forward,
            record.fingerprints.get("structure"),
            record.status,
            record.created_at,
        )
        cells = ("" if value is None else visible(str(value)) for value in values)
        sys.stdout.write("\t".join(cells) + "\n")


def print_as_json(records: Iterable["FoundRecord"]) -> None:
    """Prints an array with an object for each record.

    `directory`, `name` (the shortest path below the root that opens it), `run`, `number` (or null),
    `class`, `parameters`, `flops_forward`, `fingerprints` (by kind), `status`, `created_at`, and
    `problem`: null, or why it cannot be read; then nothing else is known but where it is.
    """
    print_json_array(map(_plain, records))


def _plain(record: "FoundRecord") -> dict[str, Any]:
    return {
        "directory": record.directory,
        "name": record.name,
        "run": record.run,
        "number": record.number,
        "class": record.class_name,
        "parameters": record.parameters,
        "flops_forward": record.flops_forward,
        "fingerprints": dict(record.fingerprints),
        "status": record.status,
        "created_at": record.created_at,
        "problem": record.problem,
    }


def _cells(record: "FoundRecord") -> tuple[str, ...]:
    return (
        shown(record.name),
        shown(last_part(record.class_name or "")),
        _figure(record.parameters),
        _figure(record.flops_forward),
        _short_hash(record),
        _said(record),
        shown((record.created_at or "").replace("T", " ")[:16]),
    )


def _said(record: "FoundRecord") -> str:
    return (record.status or "").replace("_", " ")


def _figure(count: int | None) -> str:
    return "" if count is None else human_count(count)


def _short_hash(record: "FoundRecord") -> str:
    whole = record.fingerprints.get("structure", "").removeprefix("sha256:")
    return shown(whole[:_HASH_LETTERS])
