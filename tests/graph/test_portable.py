"""What is left out of a graph that is kept under version control."""

from modelviz_callbacks.graph.fingerprint import fingerprints
from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    ModuleEntry,
    Node,
    StateEntry,
    TensorSpec,
)
from modelviz_callbacks.graph.portable import portable


def graph(device: str, flops: int) -> ArchitectureGraph:
    x = TensorSpec((2, 3), "float32", device, "x")
    entry = ModuleEntry(
        "",
        "net.Net",
        parameters=(StateEntry("weight", (3, 3), "float32", device, requires_grad=True),),
        buffers=(StateEntry("steps", (), "int64", device),),
    )
    node = Node(0, "module", "Net", "", inputs=(x,), outputs=(x,), flops=flops)
    return ArchitectureGraph((entry,), (node,), notes=("seen",))


def test_another_device_makes_the_same_file() -> None:
    """A GPU here and none there; formulas of FLOPs come with torch."""
    here, there = (portable(g, "made") for g in (graph("cpu", 18), graph("cuda:1", 20)))
    assert here.to_json() == there.to_json()
    assert "cpu" not in here.to_json()


def test_the_architecture_is_in_it_as_it_was() -> None:
    """What fingerprints are made of."""
    whole = graph("cpu", 18)
    assert fingerprints(portable(whole, "made")) == fingerprints(whole)
    assert portable(whole, "made").notes == ("seen", "made")
