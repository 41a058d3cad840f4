"""Does a checkpoint fit a record or a model? Told before `load_state_dict` does."""

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from modelviz_callbacks.archive.locate import record_at
from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.checkpoint.comparing import compare, unwrapped_note
from modelviz_callbacks.checkpoint.contents import Branch, CheckpointContents, StoredTensor
from modelviz_callbacks.checkpoint.expected_state import expected_state
from modelviz_callbacks.checkpoint.findings import Expected, Findings
from modelviz_callbacks.checkpoint.fit import AgainstKind, CheckpointFit
from modelviz_callbacks.checkpoint.likely_renamed import LikelyRenamed, likely_renamed
from modelviz_callbacks.checkpoint.opening import open_checkpoint
from modelviz_callbacks.checkpoint.own_record import own_record, own_references
from modelviz_callbacks.checkpoint.renaming import Renaming, find_renaming
from modelviz_callbacks.checkpoint.state_choice import ChosenState, choose_state
from modelviz_callbacks.errors import CheckpointError


@dataclass(frozen=True)
class _Against:
    """What a checkpoint is compared with, and how the two differ."""

    name: str
    kind: AgainstKind
    expected: Expected
    findings: Findings
    renaming: Renaming | None
    fingerprints_differ: tuple[str, ...] = ()


def check_checkpoint(
    checkpoint: str | os.PathLike[str],
    *,
    record: str | os.PathLike[str] | Record | None = None,
    model: Any = None,
    key: str | None = None,
) -> CheckpointFit:
    """Checks whether a checkpoint fits a record or a model, without running anything of its.

    Only names, shapes and dtypes are read: of what `torch.save` wrote with `weights_only=True`,
    of safetensors from the header, of sharded checkpoints from their metadata.

    Args:
        checkpoint: A file, or the folder of a sharded one; a path or an fsspec URL.
        record: What it should fit: a record, its folder or its run's. By default, without a
            model, the record that the checkpoint itself names.
        model: What it should fit instead: a model, a function or class that is called without
            arguments and gives one, or where one of these is to be imported from, like
            `"package.module:factory"`. The model stays as it is.
        key: Where in the checkpoint its state dict is, like `"model"`; by default found out.

    Returns:
        What does not fit.

    Raises:
        CheckpointError: If the checkpoint cannot be read, or there is no such model.
        RecordError: If the record cannot be read.

    Example:
        >>> check_checkpoint("runs/exp1/checkpoints/last.ckpt").fits
        True
    """
    if record is not None and model is not None:
        raise CheckpointError("record and model are both given. Give one: what should it fit?")
    contents = open_checkpoint(os.fspath(checkpoint))
    chosen = choose_state(contents, key)
    if model is not None:
        against = _against_model(chosen.state, model)
    else:
        against = _against_record(contents, chosen.state, record)
    return _result(contents, chosen, against)


def _against_record(
    contents: CheckpointContents,
    state: Branch,
    given: str | os.PathLike[str] | Record | None,
) -> _Against:
    record = _record(contents, given)
    expected = expected_state(record.graph())
    findings = compare(expected, state)
    # Of its own record's model the checkpoint has the names.
    note = unwrapped_note(expected, state) if given is not None else None
    if note is not None:
        findings = replace(findings, notes=(*findings.notes, note))
    renaming = None
    if not findings.fits:
        renaming = find_renaming(expected.tensors, state, lambda s: compare(expected, s))
    references = own_references(contents) if given is not None else ()
    # A checkpoint of several callbacks has a record of each.
    known = record.manifest.fingerprints
    differ = min((reference.differing(known) for reference in references), key=len, default=())
    kind: AgainstKind = "own record" if given is None else "record"
    return _Against(record.directory, kind, expected, findings, renaming, differ)


def _record(contents: CheckpointContents, given: str | os.PathLike[str] | Record | None) -> Record:
    if isinstance(given, Record):
        return given
    if given is not None:
        return record_at(os.fspath(given))
    try:
        return own_record(contents)
    except CheckpointError as e:
        raise CheckpointError(
            f"{str(e).removesuffix('.')} (--record), or a model (--model package.module:factory)."
        ) from e


def _against_model(state: Branch, given: Any) -> _Against:
    from modelviz_callbacks.checkpoint.model_factory import made_model
    from modelviz_callbacks.checkpoint.model_fit import expected_of_model, fit_to_model
    from modelviz_callbacks.watch.module_entries import class_name

    model = made_model(given)
    expected = expected_of_model(model)
    findings = fit_to_model(model, state)
    renaming = None
    if not findings.fits:
        renaming = find_renaming(expected.tensors, state, lambda s: fit_to_model(model, s))
    return _Against(class_name(model), "model", expected, findings, renaming)


def _result(contents: CheckpointContents, chosen: ChosenState, against: _Against) -> CheckpointFit:
    held, found = chosen.state.tensors(), against.findings
    renamed: tuple[LikelyRenamed, ...] = ()
    if against.renaming is None and not found.fits:
        renamed = likely_renamed(against.expected.tensors, found)
    return CheckpointFit(
        checkpoint=contents.place,
        format=contents.format,
        key=chosen.key,
        against=against.name,
        against_kind=against.kind,
        missing=found.missing,
        unexpected=found.unexpected,
        shapes=found.shapes,
        dtypes=found.dtypes,
        problems=found.problems,
        renaming=against.renaming,
        renamed=renamed,
        fingerprints_differ=against.fingerprints_differ,
        tensors=len(held),
        values=_values(held.values()),
        expected_tensors=len(against.expected.tensors),
        expected_values=_values(against.expected.tensors.values()),
        notes=(*found.notes, *_notes(contents, chosen, found)),
    )


def _values(tensors: Iterable[StoredTensor]) -> int:
    return sum(math.prod(tensor.shape) for tensor in tensors if tensor.shape is not None)


def _notes(contents: CheckpointContents, chosen: ChosenState, found: Findings) -> Iterator[str]:
    if chosen.others:
        yield f"there are tensors in {', '.join(map(repr, chosen.others))}, too (key)"
    if contents.format == "safetensors" and found.missing and not found.unexpected:
        yield (
            "safetensors keeps a shared tensor once: what is missing may be there under another "
            "name; safetensors.torch.load_model() and model.tie_weights() put it in"
        )
