"""What does not fit, as text in the terminal."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from modelviz_callbacks.checkpoint.findings import Findings
from modelviz_callbacks.checkpoint.fit import CheckpointFit
from modelviz_callbacks.checkpoint.renaming import Renaming
from modelviz_callbacks.cli.output import console, shown

# Of one section; --json has all.
_MOST_LINES = 40
_ROOT = "the model itself"
_AGAINST = {
    "record": "the record {}",
    "own record": "its own record {}",
    "model": "the model {}",
}
_RENAMINGS = {
    "drop": "without {} at their beginning",
    "add": "with {} put before them",
    "cut": "without {} in them",
}


def print_fit(fit: CheckpointFit) -> None:
    """Prints whether a checkpoint fits, and what does not."""
    terminal = console()
    inside = "" if fit.key == "." else f" in {shown(repr(fit.key))}"
    terminal.print(
        f"{shown(fit.checkpoint)}: {_count(fit.tensors, 'tensor')} with "
        f"{_count(fit.values, 'value')}{inside} ({fit.format})"
    )
    against = _AGAINST[fit.against_kind].format(shown(fit.against))
    terminal.print(
        f"against {against}: {_count(fit.expected_tensors, 'tensor')} with "
        f"{_count(fit.expected_values, 'value')}"
    )
    terminal.print(_verdict(fit))
    remedy = fit.renaming
    if remedy is not None:
        _print_section(terminal, "what helps", _remedy(remedy, fit))
    _print_section(terminal, "likely the same under two names", _pairs(fit))
    for title, lines in _sections(fit if remedy is None else remedy.left):
        _print_section(terminal, title, lines)
    notes = list(_notes(fit))
    if notes and not fit.fits:
        terminal.print()
    for note in notes:
        terminal.print(Text.assemble(("note: ", "bold"), shown(note)))


def _verdict(fit: CheckpointFit) -> Text:
    if fit.fits:
        return Text("It fits.", "bold green")
    counts = [
        f"{len(found):,} {what}"
        for found, what in (
            (fit.missing, "missing"),
            (fit.unexpected, "unexpected"),
            (fit.shapes, "of another shape"),
        )
        if found
    ]
    if fit.problems:
        counts.append(_count(len(fit.problems), "other problem"))
    return Text(f"It does not fit: {', '.join(counts)}.", "bold red")


def _sections(fit: CheckpointFit | Findings) -> Iterator[tuple[str, list[str]]]:
    yield (
        "missing: expected, not in the checkpoint",
        _by_module((state.name, _tensor(state.shape, state.dtype)) for state in fit.missing),
    )
    yield (
        "unexpected: in the checkpoint, not expected",
        _by_module((state.name, _tensor(state.shape, state.dtype)) for state in fit.unexpected),
    )
    yield (
        "of another shape",
        _by_module(
            (d.name, f"{_held(d.checkpoint)} in the checkpoint, {_shape(d.expected)} expected")
            for d in fit.shapes
        ),
    )
    yield "other problems", [shown(problem) for problem in fit.problems]


def _pairs(fit: CheckpointFit) -> list[str]:
    return [
        f"{shown(pair.checkpoint) or _ROOT} → {shown(pair.expected) or _ROOT} "
        f"({_count(pair.names, 'name')})"
        for pair in fit.renamed
    ]


def _remedy(renaming: Renaming, fit: CheckpointFit) -> list[str]:
    way = _RENAMINGS[renaming.kind].format(f'"{shown(renaming.text)}"')
    part = f"{renaming.names:,} of {fit.expected_tensors:,} fit; what does not, follows"
    return [
        f"With names {way} {'it fits' if renaming.fits else part}:",
        shown(f"state_dict = {renaming.code}"),
    ]


def _notes(fit: CheckpointFit) -> Iterator[str]:
    if fit.dtypes:
        first = fit.dtypes[0]
        yield (
            f"{_count(len(fit.dtypes), 'tensor')} of another dtype, which load_state_dict casts: "
            f"{first.name} is {first.checkpoint}, {first.expected} is expected"
        )
    if fit.fingerprints_differ:
        yield (
            f"the checkpoint's own architecture is another than the record's by "
            f"{', '.join(fit.fingerprints_differ)} (modelviz diff says how)"
        )
    yield from fit.notes


def _print_section(terminal: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    terminal.print()
    terminal.print(Text(title, "bold"))
    for line in lines[:_MOST_LINES]:
        terminal.print(f"  {line}")
    if len(lines) > _MOST_LINES:
        terminal.print(f"  … and {len(lines) - _MOST_LINES:,} lines more: --json has all")


def _by_module(entries: Iterable[tuple[str, str]]) -> list[str]:
    """Gives a line for each module, and under it one for each of its parameters and buffers."""
    modules: dict[str, list[tuple[str, str]]] = {}
    for name, about in entries:
        module, _, own = name.rpartition(".")
        modules.setdefault(module, []).append((own, about))
    lines = []
    for module, held in modules.items():
        lines.append(shown(module) or _ROOT)
        width = max(len(shown(own)) for own, _ in held)
        lines += [f"  {shown(own):{width}}  {about}".rstrip() for own, about in held]
    return lines


def _tensor(shape: tuple[int, ...] | None, dtype: str | None) -> str:
    return "no tensor" if dtype is None else f"{_shape(shape)} {shown(dtype)}"


def _held(shape: tuple[int, ...] | None) -> str:
    return "no tensor with a shape" if shape is None else _shape(shape)


def _shape(shape: tuple[int, ...] | None) -> str:
    return "no shape" if shape is None else str(list(shape))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
