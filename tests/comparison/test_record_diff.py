"""What is another in two records: architecture, totals, input, environment."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks import RecordError, diff_records, record_architecture
from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.comparison.as_json import diff_as_json
from modelviz_callbacks.comparison.manifests_apart import ValueChange
from modelviz_callbacks.comparison.record_diff import BY_CHANCE, RecordDiff
from modelviz_callbacks.comparison.report_lines import report_sections


class Net(nn.Module):
    """Layers on [N, 4]."""

    def __init__(self, width: int = 8, *, fails: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, width), nn.Linear(width, 2)
        self.fails = fails

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).relu()
        if self.fails:
            raise ValueError("on purpose")
        return self.second(h)


def recorded(folder: Path, model: nn.Module, rows: int = 2) -> Path:
    batch = (torch.zeros(rows, 4),)
    record_architecture(model, batch, log_dir=folder, visualizers=["architecture"])
    return folder


def edit(folder: Path, **values: object) -> None:
    file = folder / "architecture" / LAYOUT.manifest
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def text(diff: RecordDiff) -> dict[str, list[str]]:
    return {
        section.heading: [
            f"{line.sign} {line.text} {line.aside}".rstrip() for line in section.lines
        ]
        for section in report_sections(diff)
    }


def test_equal_records_differ_in_nothing(tmp_path) -> None:
    """And what was compared is there."""
    diff = diff_records(recorded(tmp_path / "a", Net()), recorded(tmp_path / "b", Net()))
    assert not diff
    assert text(diff) == {}
    assert diff.old.fingerprints == diff.new.fingerprints
    assert set(diff.new.fingerprints) == {"structure", "dataflow", "trainable"}


def test_totals_and_what_each_change_cost(tmp_path) -> None:
    """Parts add up to the totals: 4·8+8+8·2+2 is 58, 4·9+9+9·2+2 is 65."""
    diff = diff_records(recorded(tmp_path / "a", Net(8)), recorded(tmp_path / "b", Net(9)))
    totals = {total.name: (total.old, total.new) for total in diff.totals}
    assert totals["parameters"] == (58, 65)
    assert totals["flops_forward"] == (2 * 2 * (4 * 8 + 8 * 2), 2 * 2 * (4 * 9 + 9 * 2))
    assert {(part.path, part.parameters, part.flops) for part in diff.parts} == {
        ("first", 5, 16),
        ("second", 2, 8),
    }
    assert text(diff) == {
        "Modules": [
            "~ first: out_features 8 → 9 +5 parameters, +16 FLOPs",
            "~ second: in_features 8 → 9 +2 parameters, +8 FLOPs",
        ],
        "Totals": [
            "~ parameters: 58 → 65 +7, +12.1 %",
            "~ trainable parameters: 58 → 65 +7, +12.1 %",
            "~ size of the parameters: 232 B → 260 B +28 B, +12.1 %",
            "~ FLOPs of the forward: 192 → 216 +24, +12.5 %",
        ],
    }


def test_another_input_or_environment_is_shown_and_is_no_other_architecture(tmp_path) -> None:
    """FLOPs for another input are said to be that."""
    old, new = recorded(tmp_path / "a", Net()), recorded(tmp_path / "b", Net(), rows=3)
    edit(new, environment={"device": "cuda:0", "versions": {"torch": "9.9"}, "world_size": 8})
    diff = diff_records(old, new)
    assert not diff
    assert diff.inputs == (ValueChange("x", "float32 [2, 4]", "float32 [3, 4]"),)
    environment = {change.name: change.new for change in diff.environment}
    assert environment["device"] == "cuda:0"
    assert environment["versions.torch"] == "9.9"
    assert environment["world_size"] == "8"
    assert text(diff)["Totals"] == [
        "~ FLOPs of the forward: 192 → 288 +96, +50.0 %, for another input"
    ]


def test_what_changed_alone_has_no_flops_where_the_input_is_another(tmp_path) -> None:
    """They would be of the input, not of the change."""
    diff = diff_records(recorded(tmp_path / "a", Net(8)), recorded(tmp_path / "b", Net(9), rows=3))
    assert {part.flops for part in diff.parts} == {None}


def test_a_step_that_raised_is_no_other_architecture(tmp_path) -> None:
    """It is said that its data flow is not compared."""
    old = recorded(tmp_path / "a", Net())
    diff = diff_records(old, recorded(tmp_path / "b", Net(fails=True)))
    assert not diff
    assert diff.notes == (
        "the new record: its first step raised ValueError",
        "what the first step does was not compared, since not both were seen to their end",
    )


def test_flops_of_a_step_that_raised_are_not_compared(tmp_path) -> None:
    """Neither those of parts nor the totals: nobody knows what was still to come."""
    old = recorded(tmp_path / "a", Net(8))
    diff = diff_records(old, recorded(tmp_path / "b", Net(9, fails=True)))
    assert {(part.path, part.parameters, part.flops) for part in diff.parts} == {
        ("first", 5, None),
        ("second", 2, None),
    }
    assert text(diff)["Totals"][-1] == (
        "~ FLOPs of the forward: 192 → at least 144 not compared: not all of them were counted"
    )
    assert diff_as_json(diff)["totals"]["flops_forward"] == {
        "old": 192,
        "new": 144,
        "old_at_least": False,
        "new_at_least": True,
    }


def test_flops_of_which_some_were_not_counted_are_a_lower_bound(tmp_path) -> None:
    """Those of a part are told if all in that part were counted."""
    folders = [recorded(tmp_path / name, Net(width)) for name, width in (("a", 8), ("b", 9))]
    for folder in folders:
        file = folder / "architecture" / LAYOUT.graph
        content = json.loads(file.read_text())
        (node,) = [node for node in content["nodes"] if node["path"] == "second"]
        for part in [n for n in content["nodes"] if n["parent"] == node["id"]] or [node]:
            part["flops"] = None
        file.write_text(json.dumps(content))
        edit(folder, graph_digest=None)
    diff = diff_records(*folders)
    assert {part.path: part.flops for part in diff.parts} == {"first": 16, "second": None}
    assert text(diff)["Totals"][-1].startswith(
        "~ FLOPs of the forward: at least 128 → at least 144 not compared"
    )


def test_a_step_that_runs_otherwise_may_do_so_by_chance(tmp_path) -> None:
    """A reader should know."""

    class Other(Net):
        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x).tanh())

    Other.__qualname__ = Net.__qualname__
    diff = diff_records(recorded(tmp_path / "a", Net()), recorded(tmp_path / "b", Other()))
    assert diff.notes == (BY_CHANCE,)
    # Whole, however long.
    assert text(diff)["Notes"] == [f"  {BY_CHANCE}"]
    assert text(diff)["Data flow"] == ["+ tanh in the model itself", "- relu in the model itself"]


def test_an_older_record_is_compared_in_what_it_has(tmp_path) -> None:
    """One without FLOPs, input and environment."""
    old, new = recorded(tmp_path / "a", Net()), recorded(tmp_path / "b", Net())
    file = old / "architecture" / LAYOUT.graph
    content = json.loads(file.read_text())
    for node in content["nodes"]:
        del node["flops"]
    file.write_text(json.dumps(content))
    edit(old, input={}, environment={}, graph_digest=None)
    diff = diff_records(old, new)
    assert not diff
    assert "~ FLOPs of the forward: not counted → 192" in text(diff)["Totals"]


def test_all_of_it_is_plain_data(tmp_path) -> None:
    """Numbers as numbers, and nothing that JSON does not have."""
    diff = diff_records(recorded(tmp_path / "a", Net(8)), recorded(tmp_path / "b", Net(9)))
    content = json.loads(json.dumps(diff_as_json(diff), allow_nan=False))
    assert content["different"] is True
    assert content["modules"]["changed"][0] == {
        "path": "first",
        "changes": [
            {"what": "out_features", "old": "8", "new": "9", "kind": "config"},
            {"what": "weight", "old": "[8, 4]", "new": "[9, 4]", "kind": "state"},
            {"what": "bias", "old": "[8]", "new": "[9]", "kind": "state"},
        ],
    }
    assert content["totals"]["parameters"] == {
        "old": 58,
        "new": 65,
        "old_at_least": False,
        "new_at_least": False,
    }


def test_what_is_no_record_is_an_error(tmp_path) -> None:
    """It names the place."""
    with pytest.raises(RecordError, match="nowhere"):
        diff_records(recorded(tmp_path / "a", Net()), tmp_path / "nowhere")


def test_nothing_in_a_record_steers_a_terminal(tmp_path) -> None:
    """Names, versions and notes are anybody's."""
    evil = "x\x1b[31m\n\u202e" + "y" * 500
    old, new = recorded(tmp_path / "a", Net()), recorded(tmp_path / "b", Net())
    edit(new, environment={evil: evil}, input={evil: {"shape": [2], "dtype": evil}})
    edit(new, status="failed_step", exception={"type": evil, "message": evil})
    diff = diff_records(old, new)
    assert "yyy" in diff.notes[0]
    for section in report_sections(replace(diff, notes=(*diff.notes, "a\x1b\nb"))):
        for line in section.lines:
            assert line.text.isprintable()
            assert len(line.text) < 300
