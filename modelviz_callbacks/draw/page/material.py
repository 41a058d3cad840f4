"""What a page is made of, as files in a folder: between processes, and not in memory."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelviz_callbacks.draw.page.content import PageContent, Shown
from modelviz_callbacks.graph.model import ArchitectureGraph

_GRAPH, _CONTENT = "graph.json", "content.json"


class PageMaterial:
    """The material of one page. Pictures come one by one, the rest right before it is made."""

    def __init__(self, folder: Path) -> None:
        """Keeps the material in `folder`, which exists."""
        self.folder = folder
        self._pictures: list[dict[str, str]] = []

    def add_picture(self, name: str, root: str, svg: bytes) -> None:
        """Keeps a library's picture."""
        file = f"picture-{len(self._pictures)}.svg"
        (self.folder / file).write_bytes(svg)
        self._pictures.append({"name": name, "root": root, "file": file})

    def add_diagram(self, depth: int, svg: bytes) -> None:
        """Keeps our diagram at a depth."""
        diagram_file(self.folder, depth).write_bytes(svg)

    def complete(
        self,
        *,
        record: str,
        manifest: Mapping[str, Any],
        graph: str,
        depth: int,
        texts: Sequence[Shown],
        tracebacks: Mapping[str, str],
        limit_s: float,
    ) -> None:
        """Writes everything else.

        Args:
            record: The name of the record's folder.
            manifest: The record's manifest.
            graph: The content of `architecture.json`, or nothing.
            depth: The depth that the page begins with.
            texts: The visualizers' texts.
            tracebacks: The record's tracebacks, by the name of their file.
            limit_s: Seconds that missing diagrams may take; with 0 none is drawn.
        """
        _write(self.folder / _GRAPH, graph)
        content = {
            "record": record,
            "manifest": manifest,
            "depth": depth,
            "texts": [vars(text) for text in texts],
            "pictures": self._pictures,
            "tracebacks": tracebacks,
            "limit_s": limit_s,
        }
        _write(self.folder / _CONTENT, json.dumps(content))


def diagram_file(folder: Path, depth: int) -> Path:
    """Names our diagram at a depth."""
    return folder / f"diagram-{depth}.svg"


def read_limit(folder: Path) -> float:
    """Tells how many seconds missing diagrams may take."""
    return float(_read(folder)["limit_s"])


def read_graph(folder: Path) -> ArchitectureGraph | None:
    """Reads the graph, if there is one."""
    text = (folder / _GRAPH).read_text(encoding="utf-8")
    return ArchitectureGraph.from_json(text) if text else None


def read_content(
    folder: Path, graph: ArchitectureGraph | None, depths: Sequence[int], notes: Sequence[str]
) -> PageContent:
    """Reads what is on the page.

    Args:
        folder: The material.
        graph: Its graph.
        depths: The depths of the diagrams that are there.
        notes: What is missing.
    """
    given = _read(folder)
    pictures = (
        Shown(entry["name"], entry["root"], (folder / entry["file"]).read_text(encoding="utf-8"))
        for entry in given["pictures"]
    )
    diagrams = {d: diagram_file(folder, d).read_text(encoding="utf-8") for d in depths}
    return PageContent(
        record=given["record"],
        manifest=given["manifest"],
        graph=graph,
        depth=given["depth"],
        diagrams=diagrams,
        texts=tuple(Shown(**text) for text in given["texts"]),
        pictures=tuple(pictures),
        tracebacks=given["tracebacks"],
        notes=tuple(notes),
    )


def _read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / _CONTENT).read_text(encoding="utf-8"))
    return content


def _write(file: Path, text: str) -> None:
    # Names from models may hold lone surrogates, which UTF-8 refuses.
    file.write_text(text, encoding="utf-8", errors="backslashreplace")
