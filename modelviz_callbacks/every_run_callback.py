"""The callback of every run, which nobody has put into the Trainer by hand."""

from typing import Any

from modelviz_callbacks.lightning import ModelVizCallback


class EveryRunCallback(ModelVizCallback):
    """A `ModelVizCallback` that steps aside for one that the user has chosen."""

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Leaves the Trainer if another callback of ours is there: one record, not two."""
        # Not earlier: `LightningModule.configure_callbacks` brings its own when a fit begins.
        if self._is_one_too_many(trainer.callbacks):
            # Another list: Lightning is going through this one.
            trainer.callbacks = [c for c in trainer.callbacks if c is not self]
            return
        super().setup(trainer, pl_module, stage)

    def _is_one_too_many(self, callbacks: list[Any]) -> bool:
        ours = [c for c in callbacks if isinstance(c, ModelVizCallback)]
        chosen = any(not isinstance(c, EveryRunCallback) for c in ours)
        # Two packages of a team may both ask for records.
        return chosen or ours[0] is not self
