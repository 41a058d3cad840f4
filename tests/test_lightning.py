"""The callback in real fits."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks import ModelVizCallback, ModelVizWarning, SettingsError
from tests.conftest import ALL_OK, find_record, read_manifest, statuses
from tests.models import TakesTensor, calls_of_every_kind, digits, gan, lit, loader, trainer

FLAVOURS = ["lightning.pytorch", "pytorch_lightning"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_both_packages_are_served(flavour, tmp_path) -> None:
    """The callback is an instance of the Callback class of the Trainer in use, and records."""
    callback = ModelVizCallback(formats=())
    assert isinstance(callback, importlib.import_module(flavour).Callback)
    trainer(tmp_path, callback, flavour=flavour).fit(lit(TakesTensor(), flavour), loader())
    assert statuses(find_record(tmp_path)) == ALL_OK


def test_the_record_lies_beside_the_checkpoints(tmp_path) -> None:
    """With a logger: in its version folder, next to checkpoints/."""
    from lightning.pytorch.loggers import TensorBoardLogger

    callback = ModelVizCallback(formats=())
    fit = trainer(tmp_path, callback, logger=TensorBoardLogger(tmp_path, name="run"))
    fit.fit(lit(TakesTensor()), loader())
    checkpoints = Path(fit.checkpoint_callback.best_model_path).parent
    assert checkpoints.name == "checkpoints"
    assert find_record(tmp_path) == checkpoints.parent / "architecture"
    assert callback.directory == str(checkpoints.parent / "architecture")


def test_the_record_lies_among_the_users_own_checkpoints(tmp_path) -> None:
    """ModelCheckpoint(dirpath=...) names the run's folder itself."""
    from lightning.pytorch.callbacks import ModelCheckpoint

    keep = ModelCheckpoint(dirpath=tmp_path / "exp 1 «ü»")
    trainer(tmp_path, keep, ModelVizCallback(formats=())).fit(lit(TakesTensor()), loader())
    assert find_record(tmp_path) == tmp_path / "exp 1 «ü»" / "architecture"


def test_without_checkpoints_and_logger_the_record_lies_in_the_root(tmp_path) -> None:
    """default_root_dir is all that is left."""
    fit = trainer(tmp_path, ModelVizCallback(formats=()), enable_checkpointing=False)
    fit.fit(lit(TakesTensor()), loader())
    assert find_record(tmp_path) == tmp_path / "architecture"


def test_dirpath_is_the_runs_folder(tmp_path) -> None:
    """The user's word is final."""
    callback = ModelVizCallback(dirpath=tmp_path / "mine", formats=())
    trainer(tmp_path / "root", callback).fit(lit(TakesTensor()), loader())
    assert find_record(tmp_path) == tmp_path / "mine" / "architecture"


def test_a_new_run_keeps_the_earlier_record(tmp_path) -> None:
    """Nothing is overwritten."""
    for _ in range(2):
        callback = ModelVizCallback(formats=())
        trainer(tmp_path, callback).fit(lit(TakesTensor()), loader())
    assert sorted(p.parent.name for p in tmp_path.rglob("manifest.json")) == [
        "architecture",
        "architecture-2",
    ]


def test_fast_dev_run_writes_nothing_and_works(tmp_path) -> None:
    """It is a check of the code, not a run."""
    module = lit(TakesTensor())
    trainer(tmp_path, ModelVizCallback(), fast_dev_run=True).fit(module, loader())
    assert len(module.losses) == 1
    assert list(tmp_path.rglob("*")) == []


def test_the_sanity_check_is_not_taken_for_the_first_step(tmp_path) -> None:
    """Validation runs first, with another batch size; the record shows the training batch."""
    fit = trainer(tmp_path, ModelVizCallback(formats=()), num_sanity_val_steps=1)
    fit.fit(lit(TakesTensor()), loader(batch_size=4), loader(batch_size=2))
    manifest = read_manifest(find_record(tmp_path))
    assert manifest["input"]["[0]"]["shape"] == [4, 8]
    assert manifest["root_calls"][0]["training"] is True


@pytest.mark.parametrize(("stage"), ["validate", "test", "predict"])
def test_other_stages_alone_record_nothing(stage, tmp_path) -> None:
    """No training, no record, no error."""
    module = lit(TakesTensor())
    getattr(trainer(tmp_path, ModelVizCallback()), stage)(module, loader())
    assert list(tmp_path.rglob("manifest.json")) == []


def test_a_training_without_batches_is_a_partial_record(tmp_path) -> None:
    """limit_train_batches=0: the module tree is there, and why there is no more."""
    fit = trainer(tmp_path, ModelVizCallback(formats=()), limit_train_batches=0)
    fit.fit(lit(TakesTensor()), loader())
    manifest = read_manifest(find_record(tmp_path))
    assert (manifest["status"], manifest["notes"]) == ("partial", ["no training batch was run"])


def test_self_call_records_the_lightning_module_itself(tmp_path) -> None:
    """`self(x)`: the root is the LightningModule."""
    trainer(tmp_path, ModelVizCallback(formats=())).fit(lit(TakesTensor()), loader())
    assert read_manifest(find_record(tmp_path))["model"]["roots"] == [""]


def test_a_submodules_call_records_the_submodule(tmp_path) -> None:
    """`self.net(x)`: the LightningModule's own forward never runs."""
    module = lit(TakesTensor(), step=lambda self, b: self.loss(self.net(b[0]), b[1]))
    trainer(tmp_path, ModelVizCallback(formats=())).fit(module, loader())
    record = find_record(tmp_path)
    assert read_manifest(record)["model"]["roots"] == ["net"]
    assert "TakesTensor" in (record / "summary.txt").read_text("utf-8")


def test_a_gan_has_a_subfolder_for_each_network(tmp_path) -> None:
    """Two roots, each with its own summary and graphs; the module tree is one."""
    callback = ModelVizCallback(formats=())
    trainer(tmp_path, callback).fit(gan(), loader())
    record = find_record(tmp_path)
    for network in ("generator", "discriminator"):
        assert {f.name for f in (record / network).iterdir()} == {
            "summary.txt",
            "torchview.gv",
            "autograd.gv",
        }
    assert set(statuses(record).values()) == {"ok"}
    assert "generator" in (record / "modules.txt").read_text("utf-8")


def test_a_networks_other_methods_show_the_modules_that_they_call(tmp_path) -> None:
    """`self.net.encode(x)` is no module call; those inside it are the roots."""

    class Autoencoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = nn.Linear(8, 3), nn.Linear(3, 8)

        def encode(self, x: Tensor) -> Tensor:
            return self.encoder(x)

        def decode(self, z: Tensor) -> Tensor:
            return self.decoder(z)

    def step(self: Any, batch: Any) -> Tensor:
        return (self.net.decode(self.net.encode(batch[0])) - batch[0]).pow(2).mean()

    trainer(tmp_path, ModelVizCallback(formats=())).fit(lit(Autoencoder(), step=step), loader())
    record = find_record(tmp_path)
    assert read_manifest(record)["model"]["roots"] == ["net.encoder", "net.decoder"]
    assert (record / "net.encoder" / "summary.txt").is_file()


def test_a_step_that_calls_very_many_modules_shows_the_first_ones(tmp_path) -> None:
    """Fifty blocks called one by one do not cost fifty records; a note says so."""

    def step(self: Any, batch: Any) -> Tensor:
        x = batch[0]
        for block in self.net:
            x = block(x)
        return x.mean()

    blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(12))
    callback = ModelVizCallback(formats=(), visualizers=("torchinfo",))
    trainer(tmp_path, callback).fit(lit(blocks, step=step), loader())
    manifest = read_manifest(find_record(tmp_path))
    assert len(manifest["model"]["roots"]) == 8
    assert "target=" in manifest["notes"][0]


@pytest.mark.parametrize("kind", calls_of_every_kind(), ids=lambda k: k[0])
def test_inputs_of_every_shape_are_shown_by_every_visualizer(kind, tmp_path) -> None:
    """Whatever the batch looks like, the four ways see the call."""
    _, net, args, kwargs = kind

    def step(self: Any, _batch: Any) -> Tensor:
        output = self.net(*args, **kwargs)
        return (output["logits"] if isinstance(output, dict) else output).mean()

    trainer(tmp_path, ModelVizCallback(formats=())).fit(lit(net, step=step), loader())
    assert statuses(find_record(tmp_path)) == ALL_OK


def test_target_chooses_a_module_inside(tmp_path) -> None:
    """It is recorded although the step does not call it itself."""
    net = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 4)))
    callback = ModelVizCallback(target="net.1", formats=())
    trainer(tmp_path, callback).fit(lit(net), loader())
    record = find_record(tmp_path)
    assert read_manifest(record)["model"]["roots"] == ["net.1"]
    assert statuses(record) == ALL_OK


def test_a_misspelt_target_fails_before_the_training_and_names_the_nearest(tmp_path) -> None:
    """A typo costs no epoch."""
    module = lit(nn.Sequential())
    module.net.encoder = nn.Linear(8, 4)
    with pytest.raises(SettingsError, match=r"net\.encodr.*'net\.encoder'"):
        trainer(tmp_path, ModelVizCallback(target="net.encodr")).fit(module, loader())
    assert module.losses == []


def test_a_target_that_is_never_called_is_told(tmp_path) -> None:
    """The record says so, with a status and not in silence."""
    net = TakesTensor()
    net.spare = nn.Linear(2, 2)
    trainer(tmp_path, ModelVizCallback(target="net.spare", formats=())).fit(lit(net), loader())
    manifest = read_manifest(find_record(tmp_path))
    assert statuses(find_record(tmp_path))["summary"] == "skipped"
    assert manifest["notes"] == ["target 'net.spare' was never called in the first training step"]
    assert manifest["status"] == "complete"


def test_input_fn_makes_the_recorded_input_of_the_batch(tmp_path) -> None:
    """For steps that call no module: the batch's first two rows, in the training's precision."""
    callback = ModelVizCallback(target="net", input_fn=lambda batch: batch[0][:2], formats=())
    step = lambda self, b: self.loss(self.net.forward(b[0]), b[1])  # noqa: E731
    trainer(tmp_path, callback).fit(lit(TakesTensor(), step=step), loader())
    record = find_record(tmp_path)
    assert read_manifest(record)["root_calls"][0]["inputs"]["x"]["shape"] == [2, 8]
    assert statuses(record) == ALL_OK


def test_a_raising_input_fn_is_a_warning(tmp_path) -> None:
    """The user's function of ours does not stop the user's training."""
    callback = ModelVizCallback(input_fn=lambda batch: batch["image"], formats=())
    module = lit(TakesTensor())
    with pytest.warns(ModelVizWarning, match="input_fn"):
        trainer(tmp_path, callback).fit(module, loader())
    assert len(module.losses) == 3


def test_the_training_precision_is_the_replays(tmp_path) -> None:
    """Under bf16-mixed the autograd graph holds the casts."""
    fit = trainer(tmp_path, ModelVizCallback(formats=()), precision="bf16-mixed")
    fit.fit(lit(TakesTensor()), loader())
    record = find_record(tmp_path)
    assert "ToCopyBackward" in (record / "autograd.gv").read_text("utf-8")
    assert read_manifest(record)["environment"]["precision"] == "bf16-mixed"


def test_the_manifest_tells_totals_environment_and_our_time(tmp_path) -> None:
    """Shared parameters count once; seconds on the training thread are told."""
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    net[1].weight, net[1].bias = net[0].weight, net[0].bias
    net.register_buffer("steps", torch.zeros(3))
    trainer(tmp_path, ModelVizCallback(formats=())).fit(lit(net), loader())
    manifest = read_manifest(find_record(tmp_path))
    assert manifest["schema_version"] == 1
    assert manifest["totals"] == {
        "parameters": 72,
        "trainable_parameters": 72,
        "buffers": 3,
        "parameter_bytes": 288,
        "buffer_bytes": 12,
        "uninitialized": 0,
        # Two layers [8, 8] on a batch of 4, a multiplication and an addition for each weight.
        "flops_forward": 2 * 2 * 8 * 8 * 4,
        "uncounted_calls": 0,
        # Two outputs [4, 8] and the loss.
        "activation_bytes": 4 * (2 * 32 + 1),
        "bytes_by_dtype": {"float32": 300},
    }
    assert manifest["environment"]["strategy"] == "SingleDeviceStrategy"
    assert manifest["environment"]["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert 0 < manifest["timings"]["training_thread_s"] < 60
    (note,) = [a["notes"] for a in manifest["artifacts"] if a["name"] == "summary"]
    assert "144" in note[0]
    assert "72" in note[0]


def test_the_pictures_are_there_when_the_fit_ends(tmp_path) -> None:
    """SVG and PNG of both graphs, nothing pending."""
    trainer(tmp_path, ModelVizCallback(depth=1)).fit(lit(TakesTensor()), loader())
    record = find_record(tmp_path)
    assert statuses(record) == ALL_OK
    for name in ("torchview", "autograd"):
        assert (record / f"{name}.svg").read_text("utf-8").startswith("<?xml")
        assert (record / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert all(a["files"] for a in read_manifest(record)["artifacts"])


def test_pictures_that_take_too_long_are_given_up_at_the_end(tmp_path, monkeypatch) -> None:
    """The fit waits draw_timeout_s at most; the record says so and keeps the DOT."""
    from modelviz_callbacks.draw import supervisor

    def hang(self: Any) -> Any:
        while not self._child._stopped:
            pass
        return supervisor.Outcome(error="stopped")

    monkeypatch.setattr(supervisor.Attempt, "run", hang)
    callback = ModelVizCallback(draw_timeout_s=0.3)
    trainer(tmp_path, callback).fit(lit(TakesTensor()), loader())
    record = find_record(tmp_path)
    drawn = ("torchview", "autograd", "architecture")
    assert statuses(record) == ALL_OK | dict.fromkeys(drawn, "failed")
    assert "not drawn within 0.3 s" in read_manifest(record)["artifacts"][2]["error"]
    assert (record / "torchview.gv").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": -1}, "depth=-1.*at least 0"),
        ({"depth": 1.5}, r"depth=1\.5"),
        ({"depth": True}, "depth=True"),
        ({"visualizers": ("torchvew",)}, "'torchvew' is not one of 'repr', 'torchinfo'"),
        ({"visualizers": "repr"}, "give a tuple"),
        ({"formats": ("gif",)}, "'gif' is not one of 'svg', 'png'"),
        ({"draw_timeout_s": 0}, "draw_timeout_s=0"),
        ({"draw_timeout_s": float("nan")}, "draw_timeout_s=nan"),
        ({"on_error": "ignore"}, "'warn', 'raise'"),
        ({"target": 3}, "target=3"),
        ({"input_fn": 3}, "input_fn=3"),
        ({"dirpath": "/proc/no/such"}, "cannot be written"),
        ({"dirpath": __file__}, "is a file"),
    ],
    ids=str,
)
def test_bad_options_are_refused_at_construction(options, message) -> None:
    """The error names the value given and what is allowed."""
    with pytest.raises(SettingsError, match=message):
        ModelVizCallback(**options)


def test_visualizers_can_be_switched_off(tmp_path) -> None:
    """Only what was chosen is in the record."""
    callback = ModelVizCallback(visualizers=("torchview", "repr"), formats=())
    trainer(tmp_path, callback).fit(lit(TakesTensor()), loader())
    assert statuses(find_record(tmp_path)) == {"modules": "ok", "torchview": "ok"}


def test_depth_is_how_deep_the_summary_and_the_diagram_go(tmp_path) -> None:
    """At depth 1 a nested block is one line; at depth 3 its layers are shown."""
    net = nn.Sequential(nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 4))
    texts = {}
    for depth in (1, 3):
        callback = ModelVizCallback(depth=depth, dirpath=tmp_path / str(depth), formats=())
        trainer(tmp_path, callback).fit(lit(net), loader())
        record = Path(callback.directory)
        texts[depth] = [(record / f).read_text("utf-8") for f in ("summary.txt", "torchview.gv")]
    assert not any("Tanh" in text for text in texts[1])
    assert all("Tanh" in text for text in texts[3])


def test_remote_run_folders_are_written(tmp_path) -> None:
    """Fsspec URLs work like folders."""
    import fsspec

    callback = ModelVizCallback(dirpath="memory://runs/one", formats=("svg",))
    trainer(tmp_path, callback).fit(lit(TakesTensor()), loader())
    files = fsspec.filesystem("memory").find("/runs/one/architecture")
    assert {f.rpartition("/")[2] for f in files} == {
        "manifest.json",
        "modules.txt",
        "summary.txt",
        "torchview.gv",
        "torchview.svg",
        "autograd.gv",
        "autograd.svg",
        "architecture.json",
        "architecture.gv",
        "architecture.svg",
        "table.txt",
        "index.html",
    }


def test_a_batch_in_place_change_in_a_replay_does_not_reach_the_real_one(tmp_path) -> None:
    """The model doubles its input in place: it must happen once."""
    from tests.models import WritesInput

    seen = []

    def step(self: Any, batch: Any) -> Tensor:
        x = batch[0].clone()
        output = self.net(x)
        seen.append(torch.equal(x, 2 * batch[0]))
        return output.mean()

    trainer(tmp_path, ModelVizCallback(formats=())).fit(lit(WritesInput(), step=step), loader())
    assert seen == [True, True, True]
    assert digits().shape == (16, 8)


def test_what_logging_does_is_no_part_of_the_graph(tmp_path) -> None:
    """`self.log` clones, detaches and squeezes the loss; the step itself does not."""

    def step(self: Any, batch: Any) -> Tensor:
        loss = self.loss(self(batch[0]), batch[1])
        self.log("loss", loss)
        self.log_dict({"twice": loss})
        return loss

    module = lit(TakesTensor(), step=step)
    fit = trainer(tmp_path, ModelVizCallback(formats=()))
    fit.fit(module, loader())
    graph = json.loads((find_record(tmp_path) / "architecture.json").read_text("utf-8"))
    assert [n["name"] for n in graph["nodes"] if n["kind"] == "op"] == []
    assert [n["name"] for n in graph["nodes"] if n["kind"] == "output"] == ["loss"]
    assert fit.callback_metrics["loss"] == fit.callback_metrics["twice"]
    assert not {"log", "training_step"} & set(vars(module))


def test_multiply_adds_that_are_not_our_flops_are_explained(tmp_path) -> None:
    """On sequences torchinfo counts a linear layer once a batch element; both figures are told."""
    module = lit(nn.Linear(8, 8), step=lambda self, b: self.net(b[0].expand(5, -1, -1)).mean())
    trainer(tmp_path, ModelVizCallback(formats=())).fit(module, loader())
    record = find_record(tmp_path)
    (notes,) = [a["notes"] for a in read_manifest(record)["artifacts"] if a["name"] == "summary"]
    # [5, 4, 8] through [8, 8] and a bias: 5 elements x 72 parameters, against 20 rows x 64.
    assert f"{2 * 5 * 72:,} FLOPs" in notes[0]
    assert f"{2 * 20 * 64:,}" in notes[0]
    assert notes[0] in (record / "summary.txt").read_text("utf-8")


def test_multiply_adds_of_one_call_are_not_those_of_several(tmp_path) -> None:
    """A step that calls a network twice: torchinfo's figure is of one of the calls."""
    wide, narrow = nn.Linear(8, 8), nn.Bilinear(8, 8, 2)
    module = lit(wide, step=lambda self, b: self.other(self.net(b[0]), self.net(b[0])).mean())
    module.other = narrow
    trainer(tmp_path, ModelVizCallback(formats=())).fit(module, loader())
    notes = {
        a["root"]: " ".join(a["notes"])
        for a in read_manifest(find_record(tmp_path))["artifacts"]
        if a["name"] == "summary"
    }
    # [4, 8] through [8, 8] is 512 FLOPs a call; torchinfo counts the bias too, which is 1/8 more.
    assert "576 FLOPs, those of the 2 watched calls together are 1,024" in notes["net"]


def test_manual_optimization_ends_in_the_losses(tmp_path) -> None:
    """A GAN's step: an output for each backward, and nothing of the optimizers."""
    module = gan()
    trainer(tmp_path, ModelVizCallback(formats=())).fit(module, loader())
    graph = json.loads((find_record(tmp_path) / "architecture.json").read_text("utf-8"))
    outputs = [n for n in graph["nodes"] if n["kind"] == "output"]
    assert [n["name"] for n in outputs] == ["backward", "backward"]
    fed = {edge["target"] for edge in graph["edges"]}
    assert {n["id"] for n in outputs} <= fed
    operations = [n["name"] for n in graph["nodes"] if n["kind"] == "op"]
    assert sorted(operations) == sorted([*["neg"] * 2, *["softplus", "mean"] * 3, "add", "detach"])
    assert "manual_backward" not in vars(module)


def test_two_callbacks_leave_no_shadow_of_a_method(tmp_path) -> None:
    """Whichever comes off first, the module's own methods are there again."""
    module = lit(TakesTensor())
    callbacks = [ModelVizCallback(depth=d, formats=()) for d in (1, 2)]
    trainer(tmp_path, *callbacks).fit(module, loader())
    assert not {"training_step", "log", "manual_backward"} & set(vars(module))
