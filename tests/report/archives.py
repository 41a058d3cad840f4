"""Records as a search finds them, on disk where a test needs more than what the search tells."""

from pathlib import Path

from modelviz_callbacks.archive.found import FoundRecord
from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    ModuleEntry,
    Node,
    StateEntry,
    TensorSpec,
)

LINEAR = "torch.nn.modules.linear.Linear"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="60pt" viewBox="0 0 90 60">'
    '<g id="graph0" class="graph"><polygon fill="#ffffff" points="0,0 90,0 90,60 0,60"/>'
    '<text x="5" y="9" font-size="9">head</text>'
    '<g id="n1" class="node"><path fill="#9ed6ff" stroke="#1b5e9e" '
    'd="M10,20C10,20 80,20 80,20L80,50 10,50 10,20"/>'
    '<text x="20" y="35" font-size="12">Linear</text></g></g></svg>'
)


def net(width: int = 4, *names: str, class_name: str = "my.Net", trains: bool = True):
    """A model of linear layers, each called once."""
    names = names or ("fc",)
    modules, nodes = [ModuleEntry("", class_name)], [Node(0, "module", "Net", "")]
    for name in names:
        weight = StateEntry("weight", (width, 3), "float32", "cpu", requires_grad=trains)
        modules.append(ModuleEntry(name, LINEAR, f"3, {width}", parameters=(weight,)))
        shape = TensorSpec((2, width), "float32", "cpu")
        nodes.append(Node(len(nodes), "module", "Linear", name, 0, outputs=(shape,)))
    return ArchitectureGraph(tuple(modules), tuple(nodes))


def write_record(
    folder: Path,
    graph: ArchitectureGraph,
    created_at: str = "2026-01-31T12:00:00Z",
    svg: str | None = None,
    **fields: object,
) -> Path:
    """Writes a record with a page, and with a picture if one is given."""
    folder.mkdir(parents=True)
    files = ("architecture.json", *(("architecture.svg",) if svg is not None else ()))
    manifest = Manifest(
        created_at,
        **{
            "status": "complete",
            "model": {"class": graph.modules[0].class_name, "roots": [""]},
            "totals": {"parameters": 12, "flops_forward": 24},
            "fingerprints": fingerprints(graph),
            "artifacts": (Artifact("architecture", "architecture", "", "ok", files),),
            **fields,
        },
    )
    (folder / "manifest.json").write_text(manifest.to_json(), "utf-8", "backslashreplace")
    (folder / "architecture.json").write_text(graph.to_json(), "utf-8", "backslashreplace")
    (folder / "index.html").write_text("<!DOCTYPE html><title>record</title>", "utf-8")
    if svg is not None:
        (folder / "architecture.svg").write_text(svg, "utf-8")
    return folder


def found(name: str = "run", **fields: object) -> FoundRecord:
    """A record that a search came upon."""
    given = {
        "directory": f"/runs/{name}/architecture",
        "run": name,
        "number": 1,
        "is_latest": True,
        "class_name": "my.Net",
        "parameters": 12,
        "fingerprints": {"structure": "sha256:1f4c", "dataflow": "sha256:77aa"},
        "status": "complete",
        "created_at": "2026-01-31T12:00:00Z",
    }
    return FoundRecord(**(given | fields))
