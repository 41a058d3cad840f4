"""What a reader of the page must not miss."""

import pytest

from modelviz_callbacks.draw.page.warnings import warnings_of
from modelviz_callbacks.graph.model import (
    ArchitectureGraph,
    Failure,
    ModuleEntry,
    Node,
    TensorSpec,
)


def told(manifest=None, graph=None, tracebacks=None, notes=()):
    return warnings_of(manifest or {}, graph, tracebacks or {}, notes)


def artifact(name="torchview", status="ok", **more):
    return {"artifacts": [{"name": name, "status": status, "root": "", **more}]}


def test_a_good_record_has_no_warnings() -> None:
    """Nothing to say is nothing said."""
    assert told({"status": "complete", **artifact()}) == []


def test_a_failed_visualizer_is_an_error_with_reason_and_traceback() -> None:
    """Of several roots, the traceback is that of its own."""
    files = {"errors/net-torchview.txt": "of net", "errors/other-torchview.txt": "of other"}
    (warned,) = told(artifact(status="failed", error="KeyError: 7", root="net"), tracebacks=files)
    assert warned["level"] == "error"
    assert warned["title"] == "torchview's picture of net failed"
    assert warned["lines"] == ("KeyError: 7",)
    assert warned["traceback"] == "of net"
    (alone,) = told(artifact(status="failed"), tracebacks={"errors/torchview.txt": "alone"})
    assert alone["traceback"] == "alone"


def test_a_step_that_raised_is_told_with_where_and_with_what() -> None:
    """Exception, message, operation, module, shapes, traceback; and the way to the module."""
    failure = Failure(
        3, "net.cat", "cat", (TensorSpec((2, 3), "float32", "cpu"),), "RuntimeError", "sizes"
    )
    manifest = {
        "status": "failed_step",
        "exception": {"type": "RuntimeError", "message": "sizes", "traceback_file": "errors/t.txt"},
    }
    graph = ArchitectureGraph(failure=failure)
    (warned,) = told(manifest, graph, {"errors/t.txt": "Traceback"})
    assert warned["title"] == "The first training step raised RuntimeError"
    assert warned["lines"] == ("sizes", "Where: cat in net.cat", "With: [2, 3] float32")
    assert (warned["paths"], warned["traceback"]) == (("net.cat",), "Traceback")


def test_what_failed_as_the_step_did_is_told_once() -> None:
    """The same error three times in red hides the diagram; another one is told in full."""
    artifacts = [
        {"name": name, "status": "failed", "root": "", "error": error}
        for name, error in (
            ("summary", "RuntimeError: sizes 7 and 8"),
            ("torchview", "RuntimeError: sizes 7 and 8"),
            ("autograd", "KeyError: 7"),
        )
    ]
    exception = {"type": "RuntimeError", "message": "sizes 7\nand 8"}
    step, other, same = told({"exception": exception, "artifacts": artifacts})
    assert step["level"] == other["level"] == "error"
    assert other["title"] == "The autograd picture failed"
    assert same["level"] == "warning"
    assert same["title"] == "Failed as the step did: torchinfo's table, torchview's picture"


def test_never_called_modules_are_told() -> None:
    """With their paths, so that the page leads to them."""
    modules = ModuleEntry("", "M"), ModuleEntry("a", "A"), ModuleEntry("b", "B")
    nodes = Node(0, "module", "M", ""), Node(1, "module", "A", "a", 0)
    (warned,) = told(graph=ArchitectureGraph(modules, nodes))
    assert warned["title"] == "1 module was never called in the first step"
    assert warned["paths"] == ("b",)


def test_what_a_crash_kept_from_being_called_is_not_blamed() -> None:
    """It was not reached."""
    modules = ModuleEntry("", "M"), ModuleEntry("a", "A"), ModuleEntry("b", "B")
    nodes = Node(0, "module", "M", ""), Node(1, "module", "A", "a", 0)
    failure = Failure(0, "", "cat", (), "RuntimeError", "sizes")
    graph = ArchitectureGraph(modules, nodes, failure=failure)
    _, warned = told(graph=graph)
    assert (warned["level"], warned["paths"]) == ("note", ("b",))
    assert warned["title"] == "1 module was not reached before the step stopped"


@pytest.mark.parametrize(
    ("manifest", "level", "title"),
    [
        ({"status": "partial", "notes": ["why"]}, "error", "This record is partial"),
        (artifact(status="skipped", error="why"), "warning", "was skipped"),
        (artifact(status="pending"), "note", "still being drawn"),
        (artifact("summary", notes=["more"], visualizer="torchinfo"), "warning", "other totals"),
        (artifact("architecture", notes=["2 × A"]), "note", "folded or closed"),
        ({"totals": {"uninitialized": 2}}, "warning", "2 lazy parameters"),
        ({"totals": {"uncounted_calls": 1}}, "note", "FLOPs of 1 call could"),
        ({"drift": ["a is new"]}, "warning", "The architecture is another"),
        ({"resumed_from": {"checkpoint": "x.ckpt"}}, "note", "went on from x.ckpt"),
        ({"status": "complete", "notes": ["rehearsed"]}, "warning", "About this record"),
    ],
)
def test_what_else_is_told(manifest, level, title) -> None:
    """Each thing once, as grave as it is."""
    (warned,) = told(manifest)
    assert warned["level"] == level
    assert title in warned["title"]


def test_a_simplified_drawing_says_what_was_tried() -> None:
    """The rungs of the ladder, with what came of each."""
    rungs = [
        {"rung": "full", "seconds": 12.0, "outcome": "timed out"},
        {"rung": "straight lines", "seconds": 3.0, "outcome": "ok"},
    ]
    (warned,) = told(artifact("autograd", rungs=rungs))
    assert (warned["level"], warned["title"]) == ("warning", "The autograd picture is simplified")
    assert warned["lines"][0] == "full: timed out (12.0 s)"


def test_the_page_tells_what_it_lacks_itself() -> None:
    """A depth that was not drawn is a warning."""
    (warned,) = told(notes=["the diagram at depth 3 was not drawn"])
    assert warned["lines"] == ("the diagram at depth 3 was not drawn",)


def test_the_worst_comes_first() -> None:
    """Errors, warnings, notes."""
    manifest = {
        "totals": {"uncounted_calls": 2, "uninitialized": 1},
        **artifact(status="failed", error="x"),
    }
    assert [warned["level"] for warned in told(manifest)] == ["error", "warning", "note"]
