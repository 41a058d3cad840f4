"""Whether a checkpoint fits: what is said beside the names that do not, and what helps."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn.parallel import DataParallel

from modelviz_callbacks import CheckpointError, RecordError, check_checkpoint, load_record
from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.checkpoint.likely_renamed import LikelyRenamed
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.watch.module_entries import describe_modules
from tests.written_records import write_record


class Net(nn.Module):
    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.Linear(6, 6))
        self.head = nn.Linear(6, classes)


class Cached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.ones(2))
        self.register_buffer("cache", torch.ones(2), persistent=False)


def saved(folder: Path, state: Any) -> Path:
    torch.save(state, folder / "state.pt")
    return folder / "state.pt"


def record_of(model: nn.Module, folder: Path, *, older: bool = False) -> Path:
    """A record of a model's modules; an older one does not tell which buffers are saved."""
    graph = ArchitectureGraph(describe_modules(model))
    if older:
        graph = ArchitectureGraph(
            tuple(
                dataclasses.replace(
                    entry,
                    buffers=tuple(dataclasses.replace(b, persistent=None) for b in entry.buffers),
                )
                for entry in graph.modules
            )
        )
    write_record(folder, graph)
    return folder


def test_a_checkpoint_is_compared_with_its_own_record(trained_run) -> None:
    """Which one was taken is told."""
    fit = check_checkpoint(trained_run / "checkpoints" / "last.ckpt")
    assert fit.fits
    assert (fit.against, fit.against_kind) == (str(trained_run / "architecture"), "own record")
    assert (fit.key, fit.format, fit.notes) == ("state_dict", "torch", ())
    assert fit.tensors == fit.expected_tensors == 9
    assert fit.values == fit.expected_values == 8 * 6 + 6 + 4 * 6 + 1 + 6 * 4 + 4


def test_without_a_record_one_is_asked_for(tmp_path) -> None:
    """Or a model."""
    with pytest.raises(CheckpointError, match=r"names no record.*--record.*--model package"):
        check_checkpoint(saved(tmp_path, Net().state_dict()))
    with pytest.raises(CheckpointError, match=r"record and model are both given"):
        check_checkpoint(saved(tmp_path, {}), record=tmp_path, model=Net())
    with pytest.raises(RecordError, match="no record here"):
        check_checkpoint(saved(tmp_path, Net().state_dict()), record=tmp_path)


def test_another_architecture_behind_the_same_names_is_told(trained_run, tmp_path) -> None:
    """By the fingerprints; a record that was opened already can be given."""
    record = load_record(trained_run)
    checkpoint = trained_run / "checkpoints" / "last.ckpt"
    assert check_checkpoint(checkpoint, record=record).fingerprints_differ == ()
    known = dict(record.manifest.fingerprints)
    other = dataclasses.replace(record.manifest, fingerprints={**known, "dataflow": "sha256:0"})
    fit = check_checkpoint(checkpoint, record=dataclasses.replace(record, manifest=other))
    assert (fit.fits, fit.fingerprints_differ) == (True, ("dataflow",))


def test_a_buffer_that_is_not_saved_is_not_missed(tmp_path) -> None:
    """One of which an older record does not say whether it is may be there or not."""
    state = saved(tmp_path, Cached().state_dict())
    for older in (False, True):
        (tmp_path / str(older)).mkdir()
        record = record_of(Cached(), tmp_path / str(older), older=older)
        assert check_checkpoint(state, record=record).fits
    assert any("cache" in note for note in check_checkpoint(state, record=record).notes)
    fit = check_checkpoint(saved(tmp_path, {"cache": torch.ones(2)}), record=tmp_path / "False")
    assert [found.name for found in fit.missing] == ["table"]
    assert [found.name for found in fit.unexpected] == ["cache"]
    assert fit.notes == ("cache: a buffer that the recorded model does not save",)


def test_a_state_of_its_own_is_not_judged_by_a_record(tmp_path) -> None:
    """The graph does not tell which modules have one."""

    class Counting(nn.Linear):
        def get_extra_state(self) -> Any:
            return {"steps": 1}

    record = record_of(Counting(2, 2), tmp_path)
    fit = check_checkpoint(saved(tmp_path, Counting(2, 2).state_dict()), record=record)
    assert fit.fits
    assert fit.notes[0].startswith("_extra_state: the record does not tell")


def test_a_compilers_wrapper_stands_where_the_recorded_model_was_compiled(tmp_path) -> None:
    """Elsewhere it is a name that does not fit, and how to mend it is told."""
    compiled, plain = nn.ModuleDict({"net": Net()}), nn.ModuleDict({"net": Net()})
    compiled["net"] = torch.compile(compiled["net"])
    state = saved(tmp_path, compiled.state_dict())
    for name in ("compiled", "plain"):
        (tmp_path / name).mkdir()
    fit = check_checkpoint(state, record=record_of(compiled, tmp_path / "compiled"))
    assert fit.fits
    assert "_orig_mod" in fit.notes[0]
    plain_state = saved(tmp_path, plain.state_dict())
    fit = check_checkpoint(plain_state, record=tmp_path / "compiled")
    assert fit.fits
    (note,) = fit.notes
    assert "ran compiled (net)" in note
    assert 'wants "_orig_mod." in them' in note
    state = saved(tmp_path, compiled.state_dict())
    for against in ({"record": record_of(plain, tmp_path / "plain")}, {"model": plain}):
        fit = check_checkpoint(state, **against)
        assert not fit.fits
        assert fit.notes == ()
        assert fit.renaming is not None
        assert (fit.renaming.kind, fit.renaming.text, fit.renaming.fits) == (
            "cut",
            "_orig_mod.",
            True,
        )


def wrapped(model: nn.Module, *names: str) -> dict[str, Any]:
    return {".".join((*names, name)): value for name, value in model.state_dict().items()}


@pytest.mark.parametrize(
    ("state", "model", "kind", "text"),
    [
        (lambda: DataParallel(Net()).state_dict(), Net, "drop", "module."),
        (lambda: wrapped(Net(), "module", "_orig_mod"), Net, "drop", "module._orig_mod."),
        (lambda: wrapped(Net(), "model"), Net, "drop", "model."),
        (lambda: {**wrapped(Net(), "net"), "loss.w": torch.ones(1)}, Net, "drop", "net."),
        (lambda: Net().state_dict(), lambda: DataParallel(Net()), "add", "module."),
        (lambda: Net().state_dict(), lambda: nn.ModuleDict({"net": Net()}), "add", "net."),
    ],
)
@pytest.mark.parametrize("against", ["record", "model"])
def test_a_renaming_that_makes_all_fit_is_given_as_code(
    state, model, kind, text, against, tmp_path
) -> None:
    """What it gives is loaded."""
    if against == "record" and isinstance(model(), DataParallel):
        pytest.skip("a record leaves wrappers out")
    state_dict = state()
    given = record_of(model(), tmp_path) if against == "record" else model()
    fit = check_checkpoint(saved(tmp_path, state_dict), **{against: given})
    assert not fit.fits
    assert fit.renaming is not None
    assert (fit.renaming.kind, fit.renaming.text) == (kind, text)
    assert fit.renaming.fits
    assert fit.renamed == ()
    model().load_state_dict(eval(fit.renaming.code, {"state_dict": state_dict}))


def test_what_a_renaming_leaves_is_told(tmp_path) -> None:
    """A head of another size behind a prefix."""
    fit = check_checkpoint(saved(tmp_path, wrapped(Net(7), "net")), model=Net())
    assert fit.renaming is not None
    assert not fit.renaming.fits
    assert fit.renaming.names == fit.expected_tensors - 2
    assert [found.name for found in fit.renaming.left.shapes] == ["head.weight", "head.bias"]
    assert fit.renaming.left.missing == ()


def test_no_renaming_is_made_up(tmp_path) -> None:
    """Of another model there is none that helps."""
    fit = check_checkpoint(saved(tmp_path, nn.LSTM(3, 3).state_dict()), model=Net())
    assert (fit.fits, fit.renaming, fit.renamed) == (False, None, ())


def test_a_module_under_another_name_is_recognised(tmp_path) -> None:
    """By shapes and the ends of names, as few pairs as there are; what is spelt alike, last."""
    state = {
        name.replace("encoder", "backbone.stem").replace("head.bias", "head.biass"): value
        for name, value in Net().state_dict().items()
    }
    fit = check_checkpoint(saved(tmp_path, state), model=Net())
    assert fit.renamed == (
        LikelyRenamed("backbone.stem", "encoder", 8),
        LikelyRenamed("head.biass", "head.bias", 1),
    )


def test_a_dtype_is_told_and_hinders_nothing(tmp_path) -> None:
    """Loading casts."""
    fit = check_checkpoint(saved(tmp_path, Net().half().state_dict()), model=Net())
    assert fit.fits
    assert len(fit.dtypes) == 10
    assert (fit.dtypes[0].checkpoint, fit.dtypes[0].expected) == ("float16", "float32")


def test_a_shared_tensor_that_safetensors_left_out_is_explained(tmp_path) -> None:
    """It keeps each once."""
    model = nn.ModuleDict({"embed": nn.Embedding(5, 4), "head": nn.Linear(4, 5, bias=False)})
    model["head"].weight = model["embed"].weight
    safetensors.torch.save_model(model, str(tmp_path / "tied.safetensors"))
    fit = check_checkpoint(tmp_path / "tied.safetensors", model=model)
    assert len(fit.missing) == 1
    assert any("shared tensor once" in note for note in fit.notes)


def test_a_model_is_made_without_values_where_it_can_be(tmp_path, monkeypatch) -> None:
    """On the meta device; as usual where its code needs values. Random numbers stay unused."""
    devices = []

    class Watching(Net):
        def __init__(self) -> None:
            super().__init__()
            devices.append(self.head.weight.device.type)

    class Needing(Watching):
        def __init__(self) -> None:
            super().__init__()
            self.first = self.head.weight[0, 0].item()

    state = saved(tmp_path, Net().state_dict())
    before = torch.get_rng_state()
    assert check_checkpoint(state, model=Watching).fits
    assert check_checkpoint(state, model=Needing).fits
    assert devices == ["meta", "meta", "cpu"]
    assert torch.equal(torch.get_rng_state(), before)


FACTORIES = """
import torch
print("hello")
def make(): return torch.nn.Linear(2, 2)
class Nets:
    net = make()
def fails(): raise ValueError("no such data set")
def wrong(): return 3
number = 3
"""


@pytest.fixture
def factories(tmp_path, monkeypatch) -> Path:
    """A module of a user's in the working directory."""
    (tmp_path / "factories_of_a_test.py").write_text(FACTORIES)
    (tmp_path / "broken_of_a_test.py").write_text("import nothing_of_that_name")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "factories_of_a_test", raising=False)
    return saved(tmp_path, nn.Linear(2, 2).state_dict())


@pytest.mark.parametrize("name", ["make", "Nets.net"])
def test_a_model_is_imported_from_the_working_directory(name, factories, capsys) -> None:
    """A factory or a model; what the user's code prints is not our result."""
    before = list(sys.path)
    assert check_checkpoint(factories, model=f"factories_of_a_test:{name}").fits
    assert sys.path == before
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("model", "match"),
    [
        ("factories_of_a_test", r"names no factory. Give \"package.module:name\""),
        ("a/b.py:make", "names no factory"),
        ("nothing_there:make", "nothing_there cannot be imported .*ModuleNotFoundError"),
        ("broken_of_a_test:make", "cannot be imported .*nothing_of_that_name"),
        ("factories_of_a_test:mak", "there is no 'mak' there. Nearest names: make"),
        ("factories_of_a_test:fails", r"failed \(ValueError: no such data set\)"),
        ("factories_of_a_test:wrong", "gave a int"),
        ("factories_of_a_test:number", "is a int"),
        (3, "model is a int"),
    ],
)
def test_what_gives_no_model_says_why(model, match, factories) -> None:
    """With the user's own reason where it is the user's code that fails."""
    with pytest.raises(CheckpointError, match=match):
        check_checkpoint(factories, model=model)


def test_a_model_that_cannot_be_copied_is_compared_by_names(tmp_path) -> None:
    """And that its own code could not be asked is told."""

    class Uncopied(Net):
        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("not me")

    state = saved(tmp_path, Net().state_dict())
    fit = check_checkpoint(state, model=Uncopied())
    assert fit.fits
    (note,) = fit.notes
    assert "could not be asked (TypeError: not me): names and shapes were compared" in note


def test_a_record_whose_modules_hold_each_other_is_an_error(tmp_path) -> None:
    """Any number of names from a few entries."""
    graph = {"schema_version": 1, "nodes": [], "edges": [], "failure": None, "notes": []}
    entry = {"class": "X", "config": "", "training": True, "runs": "eager", "buffers": []}
    paths = [("", None), ("a", None), ("a.b", "a")]
    graph["modules"] = [
        {**entry, "path": path, "parameters": [], "tied_to": tied} for path, tied in paths
    ]
    folder = record_of(Net(), tmp_path) / "architecture"
    (folder / LAYOUT.graph).write_text(json.dumps(graph))
    with pytest.raises(CheckpointError, match="they hold each other"):
        check_checkpoint(saved(tmp_path, Net().state_dict()), record=folder)
