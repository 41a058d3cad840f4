"""What TensorBoard gets: the event files are read back."""

import struct
from pathlib import Path
from typing import Any

import pytest
import tensorboardX
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from modelviz_callbacks import ModelVizCallback, ModelVizHook
from modelviz_callbacks.sinks.tensorboard import TensorBoardSink
from tests.models import TakesTensor, digits, gan, lit, loader, trainer

PICTURES = ("torchview", "autograd", "architecture")


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def text(reader: EventAccumulator, tag: str) -> str:
    (event,) = reader.Tensors(f"{tag}/text_summary")
    return event.tensor_proto.string_val[0].decode()


@pytest.mark.parametrize("writer_class", [SummaryWriter, tensorboardX.SummaryWriter])
def test_a_plain_writer_gets_texts_pictures_and_scalars(writer_class, tmp_path) -> None:
    """Torch's and tensorboardX' writers alike."""
    writer = writer_class(str(tmp_path))
    net = TakesTensor()
    with ModelVizHook(net, tmp_path, writer=writer):
        net(digits())
    writer.close()
    reader = events(tmp_path)
    assert set(reader.Tags()["images"]) == {f"architecture/{name}" for name in PICTURES}
    assert reader.Scalars("architecture/parameters")[0].value == 36
    assert reader.Scalars("architecture/trainable_parameters")[0].value == 36
    assert "TakesTensor(" in text(reader, "architecture/modules")


def test_texts_are_fenced_so_that_their_alignment_is_kept(tmp_path) -> None:
    """The tree and the table come back character for character, inside a fence."""
    writer = SummaryWriter(str(tmp_path))
    net = TakesTensor()
    with ModelVizHook(net, tmp_path, writer=writer, formats=()):
        net(digits())
    writer.close()
    for tag, file in (("modules", "modules.txt"), ("summary", "summary.txt")):
        content = (tmp_path / "architecture" / file).read_text("utf-8").rstrip()
        assert f"```text\n{content}\n```" in text(events(tmp_path), f"architecture/{tag}")


def test_a_text_with_a_fence_in_it_stays_inside_its_own(tmp_path) -> None:
    """A docstring in a __repr__ cannot break out; notes are escaped."""
    writer = SummaryWriter(str(tmp_path))
    TensorBoardSink(writer).text("t", "a\n```\nb", ("<b>note</b>",))
    writer.close()
    shown = text(events(tmp_path), "t")
    assert shown == "````text\na\n```\nb\n````\n\n&lt;b&gt;note&lt;/b&gt;"


def test_a_picture_is_stored_unaltered(tmp_path) -> None:
    """The bytes of the file beside it, with their size."""
    writer = SummaryWriter(str(tmp_path))
    net = TakesTensor()
    with ModelVizHook(net, tmp_path, writer=writer):
        net(digits())
    writer.close()
    (event,) = events(tmp_path).Images("architecture/torchview")
    png = (tmp_path / "architecture" / "torchview.png").read_bytes()
    assert event.encoded_image_string == png
    assert (event.width, event.height) == struct.unpack(">II", png[16:24])


def logger(folder: Path) -> Any:
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(folder, name="run", version=0)


def test_lightnings_logger_gets_them_at_the_first_batchs_step(tmp_path) -> None:
    """Global step 0, in the run's own event file."""
    callback = ModelVizCallback(depth=1)
    trainer(tmp_path, callback, logger=logger(tmp_path)).fit(lit(TakesTensor()), loader())
    reader = events(tmp_path / "run" / "version_0")
    assert set(reader.Tags()["images"]) == {f"architecture/{name}" for name in PICTURES}
    assert reader.Images("architecture/autograd")[0].step == 0
    assert reader.Scalars("architecture/parameters")[0].step == 0


def test_several_roots_have_tags_of_their_own(tmp_path) -> None:
    """One tag a picture, so that none is hidden behind another."""
    callback = ModelVizCallback()
    trainer(tmp_path, callback, logger=logger(tmp_path)).fit(gan(), loader())
    assert set(events(tmp_path / "run" / "version_0").Tags()["images"]) == {
        "architecture/architecture",
        *(
            f"architecture/{net}/{picture}"
            for net in ("generator", "discriminator")
            for picture in ("torchview", "autograd")
        ),
    }


def test_a_failing_writer_costs_only_what_it_would_show(tmp_path) -> None:
    """The record is complete; a warning tells."""
    writer = SummaryWriter(str(tmp_path))

    def refuse(*_args: Any) -> None:
        raise OSError("event file is gone")

    writer.add_text = refuse
    net = TakesTensor()
    hook = ModelVizHook(net, tmp_path, writer=writer, formats=())
    with pytest.warns(UserWarning, match="event file is gone"):
        net(digits())
    assert (Path(hook.directory) / "summary.txt").is_file()
