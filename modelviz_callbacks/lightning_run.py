"""What a Trainer and its module tell of a run; Lightning itself is not imported."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from modelviz_callbacks.archive.writer import is_url
from modelviz_callbacks.sinks.tensorboard import TensorBoardSink
from modelviz_callbacks.watch.wrappers import unwrap, without_compilers

_WITH_LOG_DIR = {"TensorBoardLogger", "CSVLogger"}


def find_run_dir(trainer: Any) -> str:
    """Gives the folder that holds the checkpoints' folder, else the logger's, else the root."""
    log_dir = _log_dir(trainer) or trainer.default_root_dir
    checkpoints = next((c.dirpath for c in trainer.checkpoint_callbacks if _has_dir(c)), None)
    return str(log_dir) if checkpoints is None else folder_of(str(checkpoints))


def folder_of(checkpoints: str) -> str:
    """Gives the folder that holds a folder `checkpoints`; any other name is a user's own folder.

    That one holds the .ckpt files themselves: the record goes beside them.
    """
    if not is_url(checkpoints):
        path = Path(checkpoints)
        return str(path.parent if path.name == "checkpoints" else path)
    scheme, _, path_in_scheme = checkpoints.partition("://")
    # What comes first in a URL may be a bucket, which nothing can hold.
    parent, inside, name = path_in_scheme.rstrip("/").rpartition("/")
    return f"{scheme}://{parent or '/'}" if inside and name == "checkpoints" else checkpoints


def _log_dir(trainer: Any) -> str | None:
    # As `Trainer.log_dir` finds it. That one asks rank 0 by a broadcast, and so would wait for
    # ever where only some of the ranks have our callback.
    logger = next(iter(trainer.loggers), None)
    if logger is None:
        return None
    has_its_own = {base.__name__ for base in type(logger).__mro__} & _WITH_LOG_DIR
    found: str | None = logger.log_dir if has_its_own else logger.save_dir
    return found


def describe_run(trainer: Any) -> dict[str, Any]:
    """Gives what the environment section of a record tells of a Trainer."""
    return {
        "precision": str(trainer.precision),
        "strategy": type(trainer.strategy).__name__,
        "accelerator": type(trainer.accelerator).__name__,
        "world_size": trainer.world_size,
    }


def as_sharded(trainer: Any, pl_module: nn.Module) -> nn.Module:
    """Gives a Trainer's module in what its strategy has wrapped it in, which knows its shards."""
    model = getattr(trainer.strategy, "model", None)
    if isinstance(model, nn.Module) and unwrap(model) is pl_module:
        return without_compilers(model)
    return pl_module


def tensorboard_sinks(trainer: Any) -> list[TensorBoardSink]:
    """Gives a sink for each TensorBoard logger."""
    return [
        TensorBoardSink(logger.experiment, trainer.global_step)
        for logger in trainer.loggers
        if any(base.__name__ == "TensorBoardLogger" for base in type(logger).__mro__)
    ]


def runs_compiled_step(pl_module: Any) -> bool:
    """Whether the training step is compiled as a whole: `trainer.fit(torch.compile(module))`."""
    # Lightning compiles the module's methods, and keeps the original ones here.
    return getattr(pl_module, "_compiler_ctx", None) is not None


def rehearsal_refusal(pl_module: Any) -> str | None:
    """Tells why a training step must not be run once more, or gives None."""
    if not pl_module.automatic_optimization:
        return "with manual optimization a step moves the optimizers"
    return None


def named_result(result: Any) -> tuple[Any, str]:
    """Gives what a training step returned, and what to call it."""
    # A dict's keys name its tensors: "loss", "logits".
    return result, "" if isinstance(result, Mapping) else "loss"


def is_redirected(module: nn.Module) -> bool:
    """Whether a call of `module` only reaches its training step, as Lightning does under DDP."""
    # `_ForwardRedirection` puts a forward of its own into the instance for that one call.
    forward = vars(module).get("forward")
    return "_ForwardRedirection" in getattr(forward, "__qualname__", "")


def _has_dir(checkpoint_callback: Any) -> bool:
    return getattr(checkpoint_callback, "dirpath", None) is not None
