"""What is another in two records, as lines of text under headings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from modelviz_callbacks.comparison.costs_apart import PartCost, TotalChange
from modelviz_callbacks.comparison.manifests_apart import ValueChange
from modelviz_callbacks.comparison.record_diff import ComparedRecord, RecordDiff
from modelviz_callbacks.graph.diff import GraphDiff
from modelviz_callbacks.graph.diff_items import DiffItem, ItemKind, diff_items
from modelviz_callbacks.graph.plain_text import in_one_line, last_part, plain
from modelviz_callbacks.graph.units import human_bytes, human_count

Sign = Literal["+", "-", "~", " "]

_SIGNS: dict[ItemKind, Sign] = {
    "added": "+",
    "skip added": "+",
    "flow added": "+",
    "removed": "-",
    "skip removed": "-",
    "flow removed": "-",
}
_MODULES: tuple[ItemKind, ...] = ("added", "removed", "moved", "changed", "reordered")
_TRAINED: tuple[ItemKind, ...] = ("trained", "frozen")
_NAMES = {
    "parameters": "parameters",
    "trainable_parameters": "trainable parameters",
    "buffers": "values in buffers",
    "parameter_bytes": "size of the parameters",
    "flops_forward": "FLOPs of the forward",
}


@dataclass(frozen=True)
class Line:
    """A line under a heading.

    Attributes:
        text: What it says, fit for any screen.
        sign: `"+"` for what came, `"-"` for what went, `"~"` for what is another.
        aside: What is said at its end, like what it costs.
    """

    text: str
    sign: Sign = " "
    aside: str = ""


@dataclass(frozen=True)
class Section:
    """Lines under a heading.

    Attributes:
        heading: The heading.
        lines: The lines, at least one.
    """

    heading: str
    lines: tuple[Line, ...]


def report_sections(diff: RecordDiff) -> list[Section]:
    """Puts into words what is another; sections with nothing to say are left out."""
    return [
        *architecture_sections(diff.graph, diff.parts, diff.totals, same_input=not diff.inputs),
        *_sections(
            {
                "Input": [Line(_value(change), "~") for change in diff.inputs],
                "Environment": [Line(_value(change), "~") for change in diff.environment],
                "Notes": [Line(in_one_line(note)) for note in diff.notes],
            }
        ),
    ]


def architecture_sections(
    diff: GraphDiff,
    parts: Sequence[PartCost],
    totals: Sequence[TotalChange],
    *,
    same_input: bool,
) -> list[Section]:
    """Puts into words what is another in an architecture.

    Args:
        diff: What is another.
        parts: What was gained or lost with each module.
        totals: What the models hold and compute.
        same_input: Whether both steps were given tensors of the same shapes.
    """
    items = list(diff_items(diff))
    costs: dict[tuple[str, str], PartCost] = {(part.kind, part.path): part for part in parts}
    others = {*_MODULES, *_TRAINED}
    return _sections(
        {
            "Modules": [_module_line(item, costs) for item in items if item.kind in _MODULES],
            "Trainable": [_trained_line(item) for item in items if item.kind in _TRAINED],
            "Data flow": [_flow_line(item) for item in items if item.kind not in others],
            "Totals": [
                _total_line(total, same_input=same_input)
                for total in totals
                if total.old != total.new
            ],
        }
    )


def _sections(lines: Mapping[str, Sequence[Line]]) -> list[Section]:
    return [Section(heading, tuple(several)) for heading, several in lines.items() if several]


def headline(name: str, side: ComparedRecord) -> str:
    """Says which record is compared."""
    model = plain(last_part(side.class_name)) or "a model"
    return f"{name}  {plain(side.directory)}  ({model}, {plain(side.created_at)})"


def fingerprint_lines(diff: RecordDiff) -> Iterator[str]:
    """Says which fingerprints were compared, and that they are equal."""
    for kind, fingerprint in diff.new.fingerprints.items():
        if kind in diff.old.fingerprints:
            yield f"{kind:9}  {fingerprint}"


def _module_line(item: DiffItem, costs: Mapping[tuple[str, str], PartCost]) -> Line:
    words = f"{item.subject}: {item.detail}" if item.kind == "changed" else item.subject
    if item.kind in {"added", "removed", "moved"}:
        words = f"{item.subject} ({item.detail})"
    parts = [costs[key] for path in item.paths if (key := (item.kind, path)) in costs]
    return Line(words, _SIGNS.get(item.kind, "~"), _cost(parts))


def _trained_line(item: DiffItem) -> Line:
    how = "trained now" if item.kind == "trained" else "not trained any more"
    return Line(f"{how}: {item.subject} ({item.detail})", "~")


def _flow_line(item: DiffItem) -> Line:
    sign = _SIGNS.get(item.kind, "~")
    if item.kind == "rewired":
        return Line(item.subject, sign)
    if item.kind.startswith("skip"):
        return Line(f"skip connection in {item.subject}, {item.detail}", sign)
    if item.kind == "connection":
        return Line(f"{item.subject} {item.detail}", sign)
    return Line(f"{item.subject} ({item.detail})" if item.detail else item.subject, sign)


def _cost(parts: Sequence[PartCost]) -> str:
    parameters = sum(part.parameters for part in parts)
    flops = sum(part.flops or 0 for part in parts)
    told = [f"{_signed(parameters, _exact)} parameters"] if parameters else []
    if flops:
        number = _signed(flops, human_count)
        told.append(f"{number}{' ' if number[-1].isdigit() else ''}FLOPs")
    return ", ".join(told)


def total_words(total: TotalChange) -> str:
    """Says what a figure was, what it is, and how much was gained or lost."""
    line = _total_line(total, same_input=True)
    return f"{line.text} ({line.aside})" if line.aside else line.text


def _total_line(total: TotalChange, *, same_input: bool) -> Line:
    write = human_bytes if total.name.endswith("bytes") else _exact
    write = human_count if total.name == "flops_forward" else write
    remark = "" if same_input or total.name != "flops_forward" else ", for another input"
    text = f"{_NAMES[total.name]}: {_old_and_new(total, write)}"
    gained = total.gained
    if gained is None:
        is_bound = total.old_at_least or total.new_at_least
        return Line(text, "~", "not compared: not all of them were counted" if is_bound else "")
    share = f", {_signed(gained, lambda n: f'{100 * n / (total.old or 1):.1f} %')}"
    return Line(text, "~", f"{_signed(gained, write)}{share if total.old else ''}{remark}")


def _old_and_new(total: TotalChange, write: Callable[[int], str]) -> str:
    sides = (total.old, total.old_at_least), (total.new, total.new_at_least)
    old, new = (
        "not counted" if number is None else f"{'at least ' * at_least}{write(number)}"
        for number, at_least in sides
    )
    return f"{old} → {new}"


def _value(change: ValueChange) -> str:
    old, new = ("none" if value is None else plain(value) for value in (change.old, change.new))
    return f"{plain(change.name)}: {old} → {new}"


def _signed(number: int, write: Callable[[int], str]) -> str:
    return f"{'+' if number >= 0 else '−'}{write(abs(number))}"


def _exact(number: int) -> str:
    return f"{number:,}"
