"""`torchinfo.summary()`: a table of modules with shapes, parameters and multiply-adds."""

from modelviz_callbacks.graph.totals import Totals, count_totals
from modelviz_callbacks.replay.rehearsal import Rehearsal
from modelviz_callbacks.visualizers.base import Text

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
        import torchinfo
        from torchinfo import torchinfo as engine

        try:
            statistics = torchinfo.summary(
                rehearsal.lend(),
                input_data=list(rehearsal.tensors),
                # A word for torchinfo; `lend` keeps every submodule's own mode.
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
        notes = _differences(statistics, count_totals(rehearsal.module))
        return Text("\n".join([table, *notes]) + "\n", notes)


def _differences(statistics: object, totals: Totals) -> tuple[str, ...]:
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
