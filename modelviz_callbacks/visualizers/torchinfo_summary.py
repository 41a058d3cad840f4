"""`torchinfo.summary()`: a table of modules with shapes, parameters and multiply-adds."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from modelviz_callbacks.graph.costs import Cost, Costs
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.replay.rehearsal import Rehearsal
from modelviz_callbacks.visualizers.base import Text
from modelviz_callbacks.visualizers.torchinfo_speed import each_layer_counted_once
from modelviz_callbacks.watch.module_entries import describe_modules

_COLUMNS = ("input_size", "output_size", "num_params", "kernel_size", "mult_adds", "trainable")


class TorchinfoSummary:
    """torchinfo's table of a root call, at a depth."""

    name = "torchinfo"
    artifact = "summary"

    def __init__(self, depth: int) -> None:
        """Makes tables that show `depth` levels of modules."""
        self._depth = depth

    def show(self, rehearsal: Rehearsal) -> Text:
        """Runs torchinfo on the call.

        Args:
            rehearsal: The call, inside an isolation.

        Returns:
            The table; notes say where its totals differ from the model's.
        """
        return self._summarize(rehearsal.lend(), rehearsal)

    def show_within(self, rehearsal: Rehearsal, forward: Callable[[], Any]) -> tuple[Text, Any]:
        """Runs torchinfo around a forward that another library watches too.

        Args:
            rehearsal: The call, inside an isolation.
            forward: Runs the module on tensors of whatever subclass.

        Returns:
            The table, and the forward's output.
        """
        outputs: list[Any] = []

        def run(*_args: Any, **_kwargs: Any) -> Any:
            outputs.append(forward())
            return outputs[0]

        with _plain_sizes():
            text = self._summarize(rehearsal.lend_as(run), rehearsal)
        return text, outputs[0]

    def _summarize(self, module: nn.Module, rehearsal: Rehearsal) -> Text:
        import torchinfo
        from torchinfo import torchinfo as engine

        try:
            with each_layer_counted_once():
                statistics = torchinfo.summary(
                    module,
                    input_data=list(rehearsal.tensors),
                    # A word for torchinfo; every submodule keeps its own mode.
                    mode="train",
                    depth=self._depth,
                    verbose=0,
                    col_names=_COLUMNS,
                    col_width=18,
                    row_settings=("depth", "var_names"),
                )
                table = str(statistics)
        finally:
            # torchinfo 1.8.0 keeps the last model alive in a module-level cache.
            engine.clear_cached_forward_pass()
        if not isinstance(statistics, torchinfo.ModelStatistics):
            raise TypeError(f"torchinfo gave {type(statistics).__name__}, not its statistics")
        held = Costs.of(ArchitectureGraph(describe_modules(rehearsal.module))).total()
        notes = _differences(statistics, held)
        return Text("\n".join([table, *notes]) + "\n", notes, int(statistics.total_mult_adds))


@contextlib.contextmanager
def _plain_sizes() -> Iterator[None]:
    """Lets torchinfo look at tensors of torchview's class without that being recorded."""
    from torchinfo.layer_info import LayerInfo

    layer_info: Any = LayerInfo
    original = layer_info.calculate_size

    def calculate_size(*args: Any) -> Any:
        with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 - has no public name
            return original(*args)

    layer_info.calculate_size = staticmethod(calculate_size)
    try:
        yield
    finally:
        layer_info.calculate_size = staticmethod(original)


def _differences(statistics: object, totals: Cost) -> tuple[str, ...]:
    counted = int(getattr(statistics, "total_params", totals.parameters))
    if counted == totals.parameters:
        return ()
    reason = (
        "it counts a shared parameter once for each module that holds it"
        if counted > totals.parameters
        else "it leaves out parameters of modules that it does not show as layers"
    )
    return (
        f"torchinfo counts {counted:,} parameters, the model has {totals.parameters:,}: {reason}.",
    )
