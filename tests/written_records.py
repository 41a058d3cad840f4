"""Records made by hand, for commands that read them."""

from pathlib import Path

from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.graph_drafts import GraphDraft, state


def write_record(run: Path, graph: ArchitectureGraph | None) -> Path:
    """Writes the record of a run; without a graph, there is none in it."""
    folder = run / "architecture"
    folder.mkdir(parents=True)
    manifest = Manifest("2026-01-31T12:00:00Z")
    if graph is not None:
        files = ("architecture.json",)
        manifest = manifest.with_artifact(Artifact("graph", "architecture", "", "ok", files))
        content = graph.to_json().encode("utf-8", "backslashreplace")
        (folder / "architecture.json").write_bytes(content)
    (folder / "manifest.json").write_text(manifest.to_json(), "utf-8")
    return folder


def small_graph(name: str = "Net", part: str = "torch.nn.modules.linear.Linear") -> GraphDraft:
    """A model of one layer, whose classes have such names."""
    draft = GraphDraft()
    draft.module("", name)
    draft.module("head", part, state("weight", 8, 8), config="in_features=8, out_features=8")
    x = draft.input("x")
    root = draft.call("", None, inputs=())
    draft.output("output", draft.call("head", root, x))
    return draft


def files_in(folder: Path) -> dict[str, bytes]:
    """Gives the content of each file in a folder."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
