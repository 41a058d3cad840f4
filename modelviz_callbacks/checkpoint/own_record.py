"""The record of the run that wrote a checkpoint."""

from collections.abc import Iterator

from modelviz_callbacks.archive.layout import record_folder_name
from modelviz_callbacks.archive.places import holder
from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.archive.reference import RecordReference, find_record
from modelviz_callbacks.checkpoint.contents import Branch, CheckpointContents, Content
from modelviz_callbacks.errors import CheckpointError

_CALLBACK = "ModelVizCallback"
_MOST_RECORDS_BY_HOOK = 9


def own_record(contents: CheckpointContents) -> Record:
    """Finds the record of a checkpoint, also after its run's folder has been moved.

    Args:
        contents: The checkpoint.

    Returns:
        The record with the fingerprints that the checkpoint keeps; of several, the first.

    Raises:
        CheckpointError: If the checkpoint knows of none, or it is not there any more.
    """
    place = contents.place
    references = own_references(contents)
    for reference in references:
        record = find_record(reference, place, holder(place))
        if record is not None:
            return record
    if not references:
        raise CheckpointError(
            f"{place}: this checkpoint names no record: it was written without a "
            "ModelVizCallback, or with its weights alone. Give the record."
        )
    raise CheckpointError(
        f"{place}: the record that this checkpoint names is not there any more, or is of another "
        f"architecture ({_where(references)}). Give the record."
    )


def own_references(contents: CheckpointContents) -> tuple[RecordReference, ...]:
    """Gives what a checkpoint keeps of its records: a callback's states, or a hook's fingerprints.

    Where `ModelVizHook.fingerprints` lie in a checkpoint is up to its writer; where their record
    is, they do not say: it is looked for around the checkpoint.
    """
    return tuple(_of_callbacks(contents.tree)) or tuple(_of_hook(contents.tree))


def _of_callbacks(tree: Branch) -> Iterator[RecordReference]:
    callbacks = tree.entries.get("callbacks")
    if not isinstance(callbacks, Branch):
        return
    for key, state in callbacks.entries.items():
        if key == _CALLBACK or key.startswith(f"{_CALLBACK}-"):
            reference = RecordReference.from_state(_plain(state))
            if reference is not None:
                yield reference


def _of_hook(tree: Branch) -> Iterator[RecordReference]:
    for content in tree.entries.values():
        if not isinstance(content, Branch):
            continue
        if not str(content.entries.get("structure", "")).startswith("sha256:"):
            continue
        for number in range(1, _MOST_RECORDS_BY_HOOK + 1):
            name = record_folder_name(number)
            state = {"fingerprints": _plain(content), "record": name}
            reference = RecordReference.from_state(state)
            if reference is not None:
                yield reference


def _plain(content: Content) -> object:
    if isinstance(content, Branch):
        return {name: _plain(value) for name, value in content.entries.items()}
    return content


def _where(references: tuple[RecordReference, ...]) -> str:
    return ", ".join(dict.fromkeys(r.directory or r.place or "nowhere" for r in references))
