"""Where a record is and what is in it, for a logger's texts: short, in markdown."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.archive.places import is_url
from modelviz_callbacks.graph.units import human_count

# What has no meaning in markdown or HTML.
_PLAIN = re.compile(r"[^\w \-.,:;/()%+='…×–’]")
_MOST_LETTERS = 300
_MOST_NOTES = 5
_FINGERPRINT = re.compile(r"(?:sha256:)?(.{1,12})")
_STATUS = {
    "complete": "complete",
    "failed_step": "the first step raised",
    "partial": "the first step was not seen to its end",
}


def record_text(manifest: Manifest, directory: str, pictures: str | None) -> str:
    """Tells of a record when it is written.

    Args:
        manifest: What is in it.
        directory: Its folder, an absolute path or a URL.
        pictures: The tag of the text that will tell of its pictures; None where none are drawn.
    """
    lines = [_heading(manifest), "", *_places(directory, will_have_page=pictures is not None)]
    lines += [f"- {name}: {_code(value)}" for name, value in _fingerprints(manifest)]
    if (exception := manifest.exception) is not None:
        raised = ": ".join(filter(None, (exception.get("type"), exception.get("message"))))
        lines.append(f"- Raised: {_shown(raised)}")
    lines += [f"- Note: {_shown(note)}" for note in manifest.notes]
    if pictures is not None:
        lines.append(f"- Its pictures and its page are being made; {_code(pictures)} will tell.")
    rows = [
        replace(artifact, status="pending")
        if pictures is not None and _is_drawn(artifact)
        else artifact
        for artifact in manifest.artifacts
    ]
    return "\n".join((*lines, "", "**Artifacts**", "", *_list(rows)))


def pictures_text(manifest: Manifest, directory: str) -> str:
    """Tells how the pictures came out, once their drawing is over.

    Args:
        manifest: What is in the record.
        directory: Its folder, an absolute path or a URL.
    """
    pictures = [artifact for artifact in manifest.artifacts if _is_drawn(artifact)]
    has_page = any(LAYOUT.page in artifact.files for artifact in pictures)
    places = _places(directory, will_have_page=has_page)
    return "\n".join((*places, "", "**Pictures**", "", *_list(pictures)))


def _is_drawn(artifact: Artifact) -> bool:
    return artifact.visualizer == "page" or any(name.endswith(".gv") for name in artifact.files)


def _heading(manifest: Manifest) -> str:
    totals = manifest.totals
    parts = [f"**{_shown(manifest.model.get('class', 'model').rpartition('.')[2])}**"]
    parts.append(_STATUS[manifest.status])
    for name, unit in (("parameters", "parameters"), ("flops_forward", "FLOPs forward")):
        if totals.get(name) is not None:
            parts.append(f"{human_count(totals[name])} {unit}")
    return " · ".join(parts)


def _places(directory: str, *, will_have_page: bool) -> Iterator[str]:
    yield f"- Record: {_code(directory)}"
    if will_have_page:
        page = f"{directory}/{LAYOUT.page}"
        yield f"- Page: {_code(page if is_url(directory) else Path(page).as_uri())}"
        yield (
            "- The tab *Architecture* shows it where TensorBoard runs with modelviz-callbacks "
            "installed."
        )


def _fingerprints(manifest: Manifest) -> Iterator[tuple[str, str]]:
    names = {"structure": "Structure", "dataflow": "Data flow", "trainable": "What trains"}
    for key, name in names.items():
        match = _FINGERPRINT.match(manifest.fingerprints.get(key, ""))
        if match is not None:
            yield name, match[1]


def _list(artifacts: Iterable[Artifact]) -> Iterator[str]:
    """Tells of each artifact; TensorBoard breaks the words of a table's narrow columns."""
    for artifact in artifacts:
        name = f"{artifact.root}: {artifact.name}" if artifact.root else artifact.name
        status = "being drawn" if artifact.status == "pending" else artifact.status
        yield f"- **{_shown(name)}** · {status}"
        told = [note for note in (artifact.error, *artifact.notes) if note]
        yield from (f"    - {_shown(note)}" for note in told[:_MOST_NOTES])
        if len(told) > _MOST_NOTES:
            yield f"    - and {len(told) - _MOST_NOTES} notes more in {_code(LAYOUT.manifest)}"


def _shown(text: str) -> str:
    """Gives a text that means nothing but itself, in one line."""
    line = " ".join(text.split())
    if len(line) > _MOST_LETTERS:
        line = f"{line[:_MOST_LETTERS]}…"
    return _PLAIN.sub(lambda match: f"&#{ord(match[0])};", line).replace("_", "&#95;")


def _code(text: str) -> str:
    # Backticks would show our escapes as they are.
    return f"<code>{_shown(text)}</code>"
