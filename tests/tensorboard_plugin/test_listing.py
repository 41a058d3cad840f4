"""What is told of a record before it is opened."""

import json

import pytest

from modelviz_callbacks.archive.manifest import Manifest
from modelviz_callbacks.tensorboard_plugin.found import LogdirRecord
from modelviz_callbacks.tensorboard_plugin.listing import listed, listing
from modelviz_callbacks.tensorboard_plugin.log_roots import LogRoot
from tests.tensorboard_plugin.records import artifact, manifest


def told(made: Manifest | None, **fields: object) -> dict[str, object]:
    """What is told of a record with this manifest."""
    return listed(LogdirRecord(LogRoot("/logs"), "run/architecture", "run", made, **fields))


def test_a_record_is_told_in_short() -> None:
    """Its model, size, status and fingerprints."""
    entry = told(manifest(), page="v1")
    assert entry["name"] == "run/architecture"
    assert entry["run"] == "run"
    assert entry["page"] == "v1"
    assert (entry["model"], entry["class"]) == ("Net", "nets.Net")
    assert (entry["parameters"], entry["size"]) == (11_689_512, "11.7 M")
    assert (entry["status"], entry["said"]) == ("complete", "complete")
    assert entry["fingerprints"] == {"structure": "sha256:0123456789", "dataflow": "sha256:ab"}
    assert (entry["drawing"], entry["failed"]) == (0, 0)
    assert "artifacts" not in entry


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "partial"}, "not seen to the end of the first step"),
        (
            {"status": "failed_step", "exception": {"type": "ValueError"}},
            "the first step raised ValueError",
        ),
        ({"status": "failed_step"}, "the first step raised an exception"),
    ],
)
def test_how_the_first_step_went_is_said(fields, said) -> None:
    """In words."""
    assert told(manifest(**fields))["said"] == said


def test_pictures_being_drawn_and_failures_are_counted() -> None:
    """And the artifacts say which."""
    artifacts = (
        artifact("torchview", status="pending"),
        artifact("autograd", status="pending"),
        artifact("summary", status="failed", error="KeyError: 3", notes=("a note",), root="net"),
    )
    entry = told(manifest(artifacts=artifacts))
    assert (entry["drawing"], entry["failed"]) == (2, 1)
    assert entry["artifacts"][2] == {
        "name": "summary",
        "root": "net",
        "status": "failed",
        "notes": ["a note"],
        "error": "KeyError: 3",
    }


def test_the_most_telling_picture_and_text_stand_in_for_a_page() -> None:
    """Ours, with all its pages; else a library's; else none."""
    artifacts = (
        artifact("summary", "summary.txt"),
        artifact("torchview", "torchview.gv", "torchview.png"),
        artifact("architecture", "a.gv", "a.svg", "a.png", "a-2.png"),
        artifact("table", "table.txt"),
    )
    entry = told(manifest(artifacts=artifacts))
    assert (entry["pictures"], entry["text"]) == (["a.png", "a-2.png"], "table.txt")
    entry = told(manifest(artifacts=artifacts[:2]))
    assert (entry["pictures"], entry["text"]) == (["torchview.png"], "summary.txt")
    entry = told(manifest(artifacts=()))
    assert (entry["pictures"], entry["text"]) == ([], None)


def test_records_of_one_name_are_told_apart() -> None:
    """TensorBoard's flag may name two logdirs with runs of one name."""
    found = [
        LogdirRecord(LogRoot(root, name), "run/architecture", None, manifest())
        for root, name in (("/b", ""), ("/a", ""), ("/c", "mine"))
    ]
    assert [entry["name"] for entry in listing(found)] == [
        "mine/run/architecture",
        "/a/run/architecture",
        "/b/run/architecture",
    ]


def test_an_unreadable_record_says_why() -> None:
    """With the same fields, so that it is shown like the others."""
    entry = told(None, problem="manifest.json: no JSON")
    assert (entry["status"], entry["said"]) == ("unreadable", "manifest.json: no JSON")
    assert entry.keys() == told(manifest()).keys()


@pytest.mark.parametrize(
    "fields",
    [
        {"totals": {"parameters": value}}
        for value in (float("nan"), "many", -1, True, 10**30, None, [])
    ]
    + [
        {"model": {"class": value}, "fingerprints": {"structure": value}, "notes": (value,)}
        for value in (None, 3, ["a"], {"a": 1}, "\ud800", "x" * 10_000)
    ]
    + [{"artifacts": (artifact("x", notes=(None,), error={"a": 1}),), "exception": {"type": 3}}],
)
def test_whatever_a_manifest_says_becomes_json(fields) -> None:
    """Texts are short texts that any encoding has, numbers are numbers."""
    entry = told(manifest(status="failed_step", **fields))
    shown = json.dumps(entry, allow_nan=False, ensure_ascii=False).encode()
    assert len(shown) < 4_000
    assert isinstance(entry["model"], str)
    assert entry["parameters"] is None or entry["parameters"] == 11_689_512
