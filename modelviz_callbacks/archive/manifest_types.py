"""What the objects in a manifest hold, as far as somebody shows or compares it.

Any of it may be missing, and more may be there.
"""

from typing import Any, TypedDict

ModelFacts = TypedDict("ModelFacts", {"class": str, "roots": list[str]}, total=False)


class TensorFacts(TypedDict, total=False):
    """A tensor of the first batch, or of a root call's inputs."""

    shape: list[int]
    dtype: str
    device: str
    requires_grad: bool


RootCallFacts = TypedDict(
    "RootCallFacts",
    {
        "path": str,
        "class": str,
        "training": bool,
        "autocast": dict[str, str],
        "inputs": dict[str, TensorFacts],
    },
    total=False,
)


class EnvironmentFacts(TypedDict, total=False):
    """Where a record was made."""

    python: str
    platform: str
    versions: dict[str, str]
    device: str | None
    device_names: dict[str, str]
    precision: str | None
    strategy: str | None
    world_size: int


class TotalFacts(TypedDict, total=False):
    """What a model holds and computes, as in `Cost`."""

    parameters: int
    trainable_parameters: int
    buffers: int
    parameter_bytes: int
    buffer_bytes: int
    uninitialized: int
    flops_forward: int | None
    uncounted_calls: int
    activation_bytes: int | None
    bytes_by_dtype: dict[str, int]


class OriginFacts(TypedDict, total=False):
    """The checkpoint that a run went on from."""

    checkpoint: str
    epoch: int | None
    global_step: int | None
    record: str | None
    differ: list[str]


class ResumeFacts(TypedDict, total=False):
    """A run that went on and kept the record."""

    at: str
    checkpoint: str
    epoch: int | None
    global_step: int | None
    compared: list[str]
    record: str | None
    note: str | None


class RungFacts(TypedDict, total=False):
    """A way in which a picture was tried to be drawn."""

    rung: str
    limit_s: float
    seconds: float
    outcome: str


# By the manifest's field.
INNER: dict[str, Any] = {
    "model": ModelFacts,
    "input": dict[str, TensorFacts],
    "root_calls": list[RootCallFacts],
    "environment": EnvironmentFacts,
    "totals": TotalFacts,
    "fingerprints": dict[str, str],
    "timings": dict[str, float],
    "exception": dict[str, str] | None,
    "resumed_from": OriginFacts | None,
    "resumes": list[ResumeFacts],
}
