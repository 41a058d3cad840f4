"""`modelviz check`: what is printed, and the exit code."""

import json

import pytest
import torch
from torch import nn

from modelviz_callbacks.cli.main import main
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.watch.module_entries import describe_modules
from tests.written_records import write_record


@pytest.fixture
def place(tmp_path):
    """A record of a model, and what a checkpoint is saved by."""

    def save(state) -> str:
        torch.save(state, tmp_path / "state.pt")
        return str(tmp_path / "state.pt")

    model = nn.ModuleDict({"body": nn.Linear(4, 4), "head": nn.Linear(4, 2)})
    write_record(tmp_path / "run", ArchitectureGraph(describe_modules(model)))
    return save, str(tmp_path / "run"), model


def lines(capsys) -> list[str]:
    said = capsys.readouterr()
    assert said.err == ""
    assert "\x1b" not in said.out
    return said.out.splitlines()


def test_a_checkpoint_that_fits_its_own_record_is_zero(trained_run, capsys) -> None:
    """Which record was taken is said."""
    checkpoint = trained_run / "checkpoints" / "last.ckpt"
    assert main(["check", str(checkpoint)]) == 0
    assert lines(capsys) == [
        f"{checkpoint}: 9 tensors with 107 values in 'state_dict' (torch)",
        f"against its own record {trained_run}/architecture: 9 tensors with 107 values",
        "It fits.",
    ]


def test_what_does_not_fit_is_one_and_named_by_module(place, capsys) -> None:
    """Each kind in its section."""
    save, record, model = place
    state = model.state_dict() | {"head.weight": torch.ones(3, 4), "more.x": torch.tensor(1)}
    del state["body.weight"], state["body.bias"]
    state["head.bias"] = state["head.bias"].half()
    assert main(["check", save(state), "--record", record]) == 1
    assert lines(capsys)[2:] == [
        "It does not fit: 2 missing, 1 unexpected, 1 of another shape.",
        "",
        "missing: expected, not in the checkpoint",
        "  body",
        "    weight  [4, 4] float32",
        "    bias    [4] float32",
        "",
        "unexpected: in the checkpoint, not expected",
        "  more",
        "    x  [] int64",
        "",
        "of another shape",
        "  head",
        "    weight  [3, 4] in the checkpoint, [2, 4] expected",
        "",
        (
            "note: 1 tensor of another dtype, which load_state_dict casts: head.bias is float16, "
            "float32 is expected"
        ),
    ]


def test_what_helps_comes_first_and_the_rest_after_it(place, capsys) -> None:
    """With the code that does it."""
    save, record, model = place
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    assert main(["check", save({"model": state}), "--record", record, "--key", "model"]) == 1
    assert lines(capsys)[2:] == [
        "It does not fit: 4 missing, 4 unexpected.",
        "",
        "what helps",
        '  With names without "module." at their beginning it fits:',
        (
            "  state_dict = "
            "{name.removeprefix('module.'): value for name, value in state_dict.items()}"
        ),
    ]


def test_a_likely_renaming_comes_before_long_lists(place, capsys) -> None:
    """A value that is no tensor is said to be none."""
    save, record, model = place
    state = {n.replace("body", "trunk"): value for n, value in model.state_dict().items()}
    state["head.bias"] = [0.0, 0.0]
    assert main(["check", save(state), "--record", record]) == 1
    printed = lines(capsys)
    assert printed[4:6] == ["likely the same under two names", "  trunk → body (2 names)"]
    assert printed[7].startswith("missing: ")
    assert "    bias  no tensor with a shape in the checkpoint, [2] expected" in printed


def test_of_a_runs_folder_the_checkpoints_are_named(trained_run, capsys) -> None:
    """It holds them in a folder of their own."""
    assert main(["check", str(trained_run)]) == 2
    said = capsys.readouterr().err
    assert f"Give one of its checkpoints: {trained_run}/checkpoints/" in said


def test_a_model_is_made_of_what_is_named(place, capsys) -> None:
    """From anywhere that can be imported."""
    save, _, _ = place
    assert main(["check", save({}), "--model", "torch.nn:Identity"]) == 0
    assert "against the model torch.nn.modules.linear.Identity" in lines(capsys)[1]
    assert main(["check", save({}), "--model", "torch.nn:Linear"]) == 2
    assert "Linear.__init__() missing" in capsys.readouterr().err


def test_long_lists_are_cut_in_the_terminal_and_whole_in_json(place, capsys) -> None:
    """Numbers are numbers; what is not there is null."""
    save, record, _model = place
    state = {f"{name}.x": torch.ones(1) for name in range(100)}
    arguments = ["check", save(state), "--record", record]
    assert main(arguments) == 1
    printed = lines(capsys)
    assert len(printed) < 60
    assert "  … and 160 lines more: --json has all" in printed
    assert main([*arguments, "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert len(content["unexpected"]) == 100
    assert content["unexpected"][0] == {"name": "0.x", "shape": [1], "dtype": "float32"}
    assert (content["fits"], content["against_kind"]) == (False, "record")
    assert content["missing"][1] == {"name": "body.bias", "shape": [4], "dtype": "float32"}
    assert content["renaming"] is None
    assert content["values"] == 100


def test_hostile_names_steer_no_terminal(place, capsys) -> None:
    """They are shown as what they are."""
    save, record, model = place
    state = {"a\x1b[31m.b\nc": torch.ones(1), "[red]x": torch.ones(1), **model.state_dict()}
    assert main(["check", save(state), "--record", record]) == 1
    assert "  a\\x1b[31m" in lines(capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.ckpt"], "gone.ckpt: there is no checkpoint here"),
        (["gone.ckpt", "--record", "x", "--model", "y"], "not allowed with argument --record"),
        ([], "required: CHECKPOINT"),
    ],
)
def test_errors_are_two_and_one_line(arguments, said, capsys) -> None:
    """As those of every command."""
    try:
        code = main(["check", *arguments])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert said in capsys.readouterr().err
