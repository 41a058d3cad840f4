"""TensorBoard: a plain `SummaryWriter`, of torch or of tensorboardX."""

import html
import importlib
import re
import struct
from typing import Any

from modelviz_callbacks.errors import SettingsError
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.sinks.graph_def import graph_def

_PNG_SIZE = struct.Struct(">II")
_PNG_SIZE_OFFSET = 16
_RGBA = 4


class TensorBoardSink:
    """Publishes through a `SummaryWriter`.

    Pictures are stored as they are: `add_image` would decode and encode them again on the
    calling thread.
    """

    def __init__(self, writer: Any, step: int = 0) -> None:
        """Publishes to `writer` at the global step `step`."""
        self._writer = writer
        self._step = step

    def text(self, tag: str, content: str, notes: tuple[str, ...] = ()) -> None:
        """Shows a text in a fence: TensorBoard reads texts as markdown."""
        fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", content)), default=0))
        below = "".join(f"\n\n{html.escape(note)}" for note in notes)
        self._writer.add_text(tag, f"{fence}text\n{content.rstrip()}\n{fence}{below}", self._step)

    def markdown(self, tag: str, content: str) -> None:
        """Shows a text as TensorBoard shows all: as markdown, without links to files."""
        self._writer.add_text(tag, content, self._step)

    def picture(self, tag: str, png: bytes) -> None:
        """Shows a PNG picture, shape [H, W, 4], unaltered."""
        messages = _messages(self._writer, "summary_pb2")
        width, height = _PNG_SIZE.unpack_from(png, _PNG_SIZE_OFFSET)
        image = messages.Summary.Image(
            height=height, width=width, colorspace=_RGBA, encoded_image_string=png
        )
        summary = messages.Summary(value=[messages.Summary.Value(tag=tag, image=image)])
        _file_writer(self._writer).add_summary(summary, self._step)

    def scalar(self, tag: str, value: float) -> None:
        """Shows a number."""
        self._writer.add_scalar(tag, value, self._step)

    def graph(self, graph: ArchitectureGraph) -> None:
        """Shows the graph in the Graphs tab; a run has one, the newest."""
        made = graph_def(graph, _messages(self._writer, "graph_pb2"))
        messages = _messages(self._writer, "event_pb2")
        event = messages.Event(graph_def=made.SerializeToString())
        _file_writer(self._writer).add_event(event, self._step)

    def flush(self) -> None:
        """Writes the events to disk."""
        self._writer.flush()


def summary_writer_sinks(writer: object) -> list[TensorBoardSink]:
    """Makes the sinks of an optional writer.

    Args:
        writer: A `SummaryWriter` of torch or tensorboardX, or of a subclass; or None.

    Raises:
        SettingsError: If it is something else.
    """
    if writer is None:
        return []
    if any(base.__name__ == "SummaryWriter" for base in type(writer).__mro__):
        return [TensorBoardSink(writer)]
    raise SettingsError(
        f"writer={writer!r}: give a SummaryWriter of torch.utils.tensorboard or tensorboardX."
    )


def _messages(writer: Any, name: str) -> Any:
    of_tensorboard_x = any(
        base.__module__.startswith("tensorboardX") for base in type(writer).__mro__
    )
    home = "tensorboardX.proto" if of_tensorboard_x else "tensorboard.compat.proto"
    return importlib.import_module(f"{home}.{name}")


def _file_writer(writer: Any) -> Any:
    # A closed writer has none; this makes a new one, as the writer's own methods do.
    return writer._get_file_writer()
