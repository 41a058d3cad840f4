"""Looking at a sharded model from one rank alone, without ever waiting for the others."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from modelviz_callbacks.errors import NotApplicableError


class LocalOnly(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses to compute with sharded tensors, which all ranks would have to do together.

    A module may well tell its weights' mean in its `extra_repr`.
    """

    def __init__(self) -> None:
        """Makes a mode that is not in force yet."""
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Runs one operation, unless a DTensor takes part.

        Raises:
            NotApplicableError: If one does.
        """
        if any(kind.__name__ == "DTensor" for kind in types):
            raise NotApplicableError("it computes with sharded tensors, as all ranks must together")
        return func(*args, **(kwargs or {}))
