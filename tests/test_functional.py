"""A record without a loop."""

from pathlib import Path

import pytest
import torch
from torch import nn

from modelviz_callbacks import ModelVizError, SettingsError, record_architecture
from tests.conftest import ALL_OK, read_manifest, statuses
from tests.models import TakesKeywords, TakesTensor, digits

# What needs no library, and so no forward that works.
WATCHED = dict.fromkeys(("modules", "graph", "table", "architecture"), "ok")


def test_a_record_is_made_with_its_pictures(tmp_path) -> None:
    """The folder is returned when everything is in it."""
    record = record_architecture(TakesTensor(), (digits(),), log_dir=tmp_path)
    assert record == str(tmp_path / "architecture")
    assert statuses(record) == ALL_OK
    assert (Path(record) / "torchview.png").is_file()
    assert read_manifest(record)["status"] == "complete"


def test_keyword_arguments_are_passed(tmp_path) -> None:
    """Also those whose names are the libraries' own options."""
    kwargs = {"x": digits(), "depth": 7, "mode": "train"}
    record = record_architecture(TakesKeywords(), kwargs=kwargs, log_dir=tmp_path, formats=())
    assert statuses(record) == ALL_OK


def test_a_lone_tensor_is_the_only_argument(tmp_path) -> None:
    """record_architecture(model, x) is what one types first."""
    record = record_architecture(TakesTensor(), digits(), log_dir=tmp_path, formats=())
    assert read_manifest(record)["input"]["x"]["shape"] == [16, 8]


def test_the_model_keeps_its_mode_and_its_buffers(tmp_path) -> None:
    """An evaluation model stays one; a training one's statistics stay."""
    net = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4).eval())
    before = [m.training for m in net.modules()]
    state = {k: v.clone() for k, v in net.state_dict().items()}
    record_architecture(net, (digits(),), log_dir=tmp_path, formats=())
    assert [m.training for m in net.modules()] == before
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())


def test_target_is_recorded_with_what_the_model_calls_it_with(tmp_path) -> None:
    """The whole model runs once, without a mark, to see that."""
    net = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6))
    record = record_architecture(net, (digits(),), log_dir=tmp_path, target="1", formats=())
    assert read_manifest(record)["root_calls"][0]["inputs"]["input"]["shape"] == [16, 6]
    assert net[1].num_batches_tracked == 0
    assert "_call_impl" not in vars(net[1])


@pytest.mark.filterwarnings("ignore::modelviz_callbacks.ModelVizWarning")
def test_a_model_that_raises_has_a_record_all_the_same(tmp_path) -> None:
    """The module tree is there, what each visualizer met, and where the call stopped."""
    record = record_architecture(TakesTensor(), (torch.zeros(2, 3),), log_dir=tmp_path, formats=())
    assert statuses(record) == dict.fromkeys(ALL_OK, "failed") | WATCHED


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path, monkeypatch) -> None:
    """Without a loop to protect, the caller is told."""
    from modelviz_callbacks.recording import record_folder

    def refuse(_run_dir: str) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(record_folder, "claim_record", refuse)
    with (
        pytest.raises(ModelVizError, match="cannot be written"),
        pytest.warns(UserWarning, match="writable"),
    ):
        record_architecture(TakesTensor(), (digits(),), log_dir=tmp_path)


def test_bad_options_are_refused(tmp_path) -> None:
    """As everywhere."""
    with pytest.raises(SettingsError, match="model="):
        record_architecture(torch.relu, (digits(),), log_dir=tmp_path)  # type: ignore[arg-type]
