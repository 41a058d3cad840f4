"""What the tab shows of a record before it is opened, as JSON. A manifest may say anything."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.graph.units import human_count
from modelviz_callbacks.tensorboard_plugin.found import LogdirRecord

_MOST_LETTERS = 500
_MOST_LINES = 100
_NOTHING = Manifest(created_at="")
# Of several pictures and texts the first of these is shown where there is no page.
_TELLING = ("architecture", "torchview", "table", "summary", "modules")


def listing(records: Iterable[LogdirRecord]) -> list[dict[str, Any]]:
    """Describes records, in the order of their names, each of which is there once."""
    found = sorted(records, key=lambda record: (record.name, record.root.path))
    times = Counter(record.name for record in found)
    # TensorBoard takes two runs of one name in two logdirs for one run; these are two records.
    return [
        listed(record) | ({"name": _text(record.path)} if times[record.name] > 1 else {})
        for record in found
    ]


def listed(record: LogdirRecord) -> dict[str, Any]:
    """Describes a record.

    Args:
        record: The record.

    Returns:
        Plain data; texts are cut, numbers are numbers or null.
    """
    told = _told(record.manifest) if record.manifest is not None else _untold(record.problem)
    # The page has all of it; a list of a thousand records is still sent at once.
    told |= _without_page(record.manifest) if record.page is None else {}
    return {
        "id": record.id,
        "name": _text(record.name),
        "run": None if record.run is None else _text(record.run),
        "page": record.page,
        **told,
    }


def _told(manifest: Manifest) -> dict[str, Any]:
    drawn = [artifact.status for artifact in manifest.artifacts]
    parameters = _number(manifest.totals.get("parameters"))
    return {
        "model": _text(manifest.model.get("class")).rpartition(".")[2],
        "class": _text(manifest.model.get("class")),
        "created": _text(manifest.created_at),
        "parameters": parameters,
        "size": "" if parameters is None else human_count(parameters),
        "fingerprints": {
            name: _text(manifest.fingerprints[name])
            for name in ("structure", "dataflow", "trainable")
            if name in manifest.fingerprints
        },
        "status": manifest.status,
        "said": _said(manifest),
        "drawing": drawn.count("pending"),
        "failed": drawn.count("failed"),
    }


def _without_page(manifest: Manifest | None) -> dict[str, Any]:
    shown = _NOTHING if manifest is None else manifest
    return {
        "notes": [_text(note) for note in shown.notes[:_MOST_LINES]],
        "artifacts": [_artifact(artifact) for artifact in shown.artifacts[:_MOST_LINES]],
        "pictures": _most_telling(shown, ".png"),
        "text": next(iter(_most_telling(shown, ".txt")), None),
    }


def _untold(problem: str | None) -> dict[str, Any]:
    return _told(_NOTHING) | {"status": "unreadable", "said": _text(problem)}


def _said(manifest: Manifest) -> str:
    if manifest.status == "complete":
        return "complete"
    if manifest.status == "failed_step":
        raised = (manifest.exception or {}).get("type")
        return f"the first step raised {_text(raised) or 'an exception'}"
    return "not seen to the end of the first step"


def _artifact(artifact: Artifact) -> dict[str, Any]:
    return {
        "name": _text(artifact.name),
        "root": _text(artifact.root),
        "status": artifact.status,
        "notes": [_text(note) for note in artifact.notes[:_MOST_LINES]],
        "error": _text(artifact.error),
    }


def _most_telling(manifest: Manifest, suffix: str) -> list[str]:
    """Gives the files of one artifact that shows the whole best; several are its pages."""
    return next(_by_telling(manifest, suffix), [])


def _by_telling(manifest: Manifest, suffix: str) -> Iterator[list[str]]:
    for name in _TELLING:
        for artifact in manifest.artifacts:
            files = [name for name in artifact.files if name.endswith(suffix)]
            if artifact.name == name and files:
                yield files[:_MOST_LINES]


def _text(value: object) -> str:
    """Gives a text that any encoding has; what is none is nothing."""
    if not isinstance(value, str):
        return ""
    return value[:_MOST_LETTERS].encode("utf-8", "replace").decode()


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None
