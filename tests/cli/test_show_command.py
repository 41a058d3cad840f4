"""What `modelviz show` tells of a record, and of one module."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from _pytest.capture import CaptureIO

from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.cli.main import main
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.graph_drafts import GraphDraft, state, tensor

MANIFEST = Manifest(
    "2026-01-31T12:00:00Z",
    "complete",
    {"class": "nets.Net", "roots": [""]},
    input={"x": {"shape": [2, 8], "dtype": "float32"}},
    environment={
        "python": "3.11.7",
        "platform": "Linux",
        "versions": {"torch": "2.14.1", "torchview": "0.2.7"},
        "device": "cuda:0",
        "precision": "16-mixed",
        "strategy": None,
        "world_size": 4,
    },
    totals={"parameters": 72, "flops_forward": 1_234_567},
    fingerprints={"structure": "sha256:1f4c09ab77", "dataflow": "sha256:77aa88bb99"},
    artifacts=(
        Artifact("graph", "architecture", "", "ok", files=("architecture.json",)),
        Artifact("torchview", "torchview", "net", "failed", error="KeyError: 'x'"),
        Artifact("autograd", "torchviz", "", "skipped", error="no output has a grad_fn"),
        Artifact("architecture", "architecture", "", "pending"),
    ),
    notes=("the batch was empty",),
)


def draft() -> GraphDraft:
    """A model with two parts, one frozen and in eval mode, and one with two names."""
    draft = GraphDraft()
    draft.module("", "nets.Net")
    draft.module("net", "torch.nn.Linear", state("weight", 8, 8), state("bias", 8), config="8, 8")
    draft.module(
        "frozen",
        "torch.nn.BatchNorm1d",
        state("weight", 8, requires_grad=False, tied_to="net.bias"),
        buffers=(state("mean", 8, requires_grad=False, persistent=False),),
        training=False,
    )
    draft.module("same", "torch.nn.Linear", tied_to="net")
    draft.module("spare", "torch.nn.Identity")
    x = draft.input("x", 2, 8)
    model = draft.call("", None, inputs=(tensor(2, 8, name="x"),))
    net = draft.call("net", model, x)
    draft.output("loss", draft.call("frozen", model, net))
    return draft


def write(folder: Path, graph: ArchitectureGraph | None, manifest: Manifest = MANIFEST) -> str:
    """Writes a record of a run."""
    record = folder / "architecture"
    record.mkdir(parents=True)
    (record / "manifest.json").write_text(manifest.to_json())
    if graph is not None:
        (record / "architecture.json").write_text(graph.to_json())
    return str(folder)


@pytest.fixture
def run(tmp_path) -> str:
    """A run with a record."""
    return write(tmp_path, draft().build())


def shown(capsys, *arguments: str) -> str:
    """What the command prints."""
    assert main(["show", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    text: str = captured.out
    return text


def entries(text: str) -> list[tuple[str, str]]:
    """The labelled lines."""
    lines = [line for line in text.splitlines() if line[:14].strip() and line[13:14] == " "]
    return [(line[:14].strip(), line[14:]) for line in lines]


def test_a_record_is_shown_with_how_it_went_and_its_table(run, capsys) -> None:
    """Where it is, what failed, where it was made; then the modules."""
    text = shown(capsys, run)
    head, _, table = text.partition("\n\n")
    assert entries(head) == [
        ("Record", f"{run}/architecture"),
        ("Status", "complete"),
        ("Begun", "2026-01-31 12:00:00 UTC"),
        ("Fingerprints", "structure 1f4c09ab, dataflow 77aa88bb"),
        ("Environment", "torch 2.14.1, Python 3.11.7, cuda:0, 16-mixed, Linux, 4 processes"),
        ("Failed", "net: torchview: KeyError: 'x'"),
        ("Skipped", "autograd: no output has a grad_fn"),
        ("Not yet", "architecture"),
        ("Note", "the batch was empty"),
    ]
    assert "├─ net     Linear" in table
    assert "Parameters    72" in table


def test_the_table_goes_as_deep_as_asked(run, capsys) -> None:
    """`--depth 0` is the model alone."""
    assert "─ net" not in shown(capsys, run, "--depth", "0")


@pytest.mark.parametrize("given", ["-1", "two"])
def test_a_depth_that_is_none_is_refused(run, capsys, given) -> None:
    """As argparse does."""
    with pytest.raises(SystemExit) as ended:
        main(["show", run, "--depth", given])
    assert ended.value.code == 2


def test_a_step_that_raised_shows_where(tmp_path, capsys) -> None:
    """In the head what was raised, in the table where, below it what met there."""
    made = draft()
    made.nodes, made.edges = made.nodes[:3], made.edges[:1]
    made.fail(2)
    exception = {"type": "RuntimeError", "message": "no", "traceback_file": "errors/step.txt"}
    failed = replace(MANIFEST, status="failed_step", exception=exception)
    text = shown(capsys, write(tmp_path, made.build(), failed))
    assert "the first step raised RuntimeError: no (see errors/step.txt)" in text
    assert "stopped here" in text
    assert "Stopped       in net (Linear): RuntimeError: shapes cannot be multiplied" in text
    module = shown(capsys, str(tmp_path), "--module", "net")
    assert ("Stopped", "here: RuntimeError: shapes cannot be multiplied") in entries(module)


@pytest.mark.parametrize("content", [None, "{"])
def test_a_record_without_its_graph_shows_what_there_is(content, tmp_path, capsys) -> None:
    """The manifest's totals, and why there is no table."""
    run = write(tmp_path, None)
    if content is not None:
        (tmp_path / "architecture" / "architecture.json").write_text(content)
    told = dict(entries(shown(capsys, run)))
    assert told["Model"] == "nets.Net"
    assert told["Input"] == "x [2, 8] float32"
    assert (told["Parameters"], told["FLOPs"]) == ("72", "1.23 M")
    assert told["No table"].startswith("architecture.json")


@pytest.mark.parametrize("part", [["--module", "net"], ["--inputs"]])
def test_what_needs_the_graph_says_that_there_is_none(part, tmp_path, capsys) -> None:
    """An error, for nothing of what was asked for can be told."""
    assert main(["show", write(tmp_path, None), *part]) == 2
    assert "architecture.json" in capsys.readouterr().err


def test_a_module_is_shown_in_full(run, capsys) -> None:
    """What it is and holds, its parameters with their shapes, and its calls."""
    text = shown(capsys, run, "--module", "net")
    assert text == (
        "Module        net\n"
        "Class         torch.nn.Linear\n"
        "Configuration 8, 8\n"
        "Runs          in train mode\n"
        "Parameters    72 (288 B), all of them trainable; 100 % of the model's\n"
        "Outputs       64 B of all that is in it\n"
        "Calls         1\n"
        "\n"
        "Own     Shape   Dtype    Device\n"
        "──────────────────────────────────────────\n"
        "weight  [8, 8]  float32  cpu     trainable\n"
        "bias    [8]     float32  cpu     trainable\n"
        "──────────────────────────────────────────\n"
        "\n"
        "Call 1 of 1\n"
        "  In          [2, 8] float32 on cpu\n"
        "  Fed by      input x\n"
        "  Out         [2, 8] float32 on cpu\n"
        "  Feeds       frozen\n"
    )


def test_what_is_unusual_about_a_module_is_told(run, capsys) -> None:
    """Eval mode, frozen and shared parameters, buffers that are not saved, names, no calls."""
    frozen = shown(capsys, run, "--module", "frozen")
    assert ("Runs", "in eval mode") in entries(frozen)
    assert "frozen, is net.bias" in frozen
    assert "buffer, not in the state dict" in frozen
    assert "Feeds       output loss" in frozen
    assert ("Is", "net") in entries(shown(capsys, run, "--module", "same"))
    assert ("Calls", "none") in entries(shown(capsys, run, "--module", "spare"))


@pytest.mark.parametrize("given", [".", ""])
def test_the_model_itself_is_a_module(run, capsys, given) -> None:
    """With what it holds."""
    text = shown(capsys, run, "--module", given)
    assert ("Module", "the model itself") in entries(text)
    assert "net (Linear), frozen (BatchNorm1d)" in text


@pytest.mark.parametrize(
    ("given", "near"), [("nett", "net"), ("frozn", "frozen"), ("net.weight", "net")]
)
def test_a_module_that_is_not_there_is_an_error_that_names_near_ones(
    run, capsys, given, near
) -> None:
    """A typing error is found at once."""
    assert main(["show", run, "--module", given]) == 2
    said = capsys.readouterr().err
    assert repr(given) in said
    assert f"Near: {near}" in said


def test_the_end_of_a_path_is_enough_for_a_hint(tmp_path, capsys) -> None:
    """Lightning puts the model's own name before it."""
    made = GraphDraft()
    for path in ("", "model", "model.layer1", "model.layer1.conv"):
        made.module(path)
    run = write(tmp_path, made.build())
    assert main(["show", run, "--module", "layer1.conv"]) == 2
    assert "Near: model.layer1.conv" in capsys.readouterr().err


def test_the_steps_inputs_and_outputs_are_shown(run, capsys) -> None:
    """Those of the step, and of the calls that it made itself."""
    assert shown(capsys, run, "--inputs").splitlines()[2:-1] == [
        "the step takes   x       [2, 8]  float32  cpu",
        "the model takes  x       [2, 8]  float32  cpu",
        "the model gives          [2, 8]  float32  cpu",
        "the step gives   loss    [2, 8]  float32  cpu",
    ]


def test_scripts_get_json(run, capsys) -> None:
    """The manifest as it is in the file, the modules with their figures, the step's ends."""
    told = json.loads(shown(capsys, run, "--json", "--depth", "0"))
    assert told["manifest"] == json.loads(MANIFEST.to_json())
    assert told["directory"] == f"{run}/architecture"
    assert (told["problem"], told["failure"]) == (None, None)
    (model,) = told["modules"]
    assert (model["path"], model["class"], model["parameters"]) == ("", "nets.Net", 72)
    assert told["inputs"] == [{"name": "x", "shape": [2, 8], "dtype": "float32", "device": "cpu"}]
    assert [output["name"] for output in told["outputs"]] == ["loss"]
    assert len(json.loads(shown(capsys, run, "--json"))["modules"]) == 5


def test_scripts_get_a_module_as_json(run, capsys) -> None:
    """Of one with two names what it is under the first."""
    told = json.loads(shown(capsys, run, "--module", "same", "--json"))
    assert (told["path"], told["tied_to"], told["calls"]) == ("same", "net", 1)
    assert [entry["name"] for entry in told["parameter_entries"]] == ["weight", "bias"]
    assert told["call_entries"][0]["feeds"] == ["frozen"]


def test_scripts_are_told_that_there_is_no_graph(tmp_path, capsys) -> None:
    """The manifest is there all the same."""
    told = json.loads(shown(capsys, write(tmp_path, None), "--json"))
    assert "architecture.json" in told["problem"]
    assert (told["modules"], told["inputs"]) == ([], [])
    assert told["manifest"]["totals"]["parameters"] == 72


def test_names_do_not_steer_the_terminal(tmp_path, capsys) -> None:
    """Whoever wrote the record."""
    evil = "\x1b[2J\u202eevil"
    made = GraphDraft()
    made.module("", evil)
    made.module(evil, evil, state(evil, 2), config=evil)
    model = made.call("", None, inputs=(tensor(2, name=evil, dtype=evil),))
    inner = made.call(evil, model, made.input(evil))
    made.output(evil, made.op(evil, model, inner))
    manifest = Manifest(
        evil,
        "failed_step",
        {"class": evil},
        input={evil: {"shape": [2], "dtype": evil}},
        environment={"python": evil, "versions": {"torch": evil}, "strategy": evil},
        fingerprints={"structure": evil},
        artifacts=(*MANIFEST.artifacts, Artifact(evil, evil, evil, "failed", error=evil)),
        exception={"type": evil, "message": evil},
        notes=(evil,),
        resumed_from={"checkpoint": evil},
        drift=(evil,),
        resumes=({"at": evil, "checkpoint": evil},),
    )
    run = write(tmp_path / "a", made.build(), manifest)
    without = write(tmp_path / "b", None, manifest)
    for arguments in (
        [run],
        [run, "--module", evil],
        [run, "--module", f"{evil}l"],
        [run, "--module", evil, "--json"],
        [run, "--inputs"],
        [run, "--json"],
        [without],
    ):
        # A module that is not there is an error, of which the name is a part.
        assert main(["show", *arguments]) == (2 if f"{evil}l" in arguments else 0)
        captured = capsys.readouterr()
        assert "evil" in captured.out + captured.err
        for character in "\x1b\u202e":
            assert character not in captured.out + captured.err


@pytest.mark.parametrize("width", [40, 80])
def test_the_table_fits_the_terminal(width, run, capsys, monkeypatch) -> None:
    """No line is broken by it."""
    monkeypatch.setattr(CaptureIO, "isatty", lambda _: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    for part in ([], ["--module", "net"], ["--inputs"]):
        text = shown(capsys, run, *part)
        assert max(map(len, text.splitlines())) <= width
        assert width == 40 or not any(line.endswith("…") for line in text.splitlines())


def test_whoever_has_seen_enough_may_go(run) -> None:
    """`| head -1` is neither an error nor a traceback, however the lines are printed."""
    for more in ([], ["--json"]):
        read, given = os.pipe()
        os.close(read)
        command = [sys.executable, "-m", "modelviz_callbacks", "show", run, *more]
        done = subprocess.run(command, stdout=given, stderr=subprocess.PIPE, check=False)
        os.close(given)
        assert (done.returncode, done.stderr) == (0, b"")
