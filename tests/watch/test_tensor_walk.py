"""Finding tensors in nested data without touching it."""

import collections
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from modelviz_callbacks.watch.tensor_walk import walk_tensors

X, Y = torch.ones(1), torch.ones(2)


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass
class Sample:
    image: Any
    extra: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SlottedSample:
    image: Any
    mask: Any = None


class Slotted:
    __slots__ = ("unset", "x")

    def __init__(self, x: Any) -> None:
        self.x = x


class OneSlot:
    __slots__ = "x"  # noqa: PLC0205 - Python takes it

    def __init__(self, x: Any) -> None:
        self.x = x


class ReadOnly(Mapping):  # type: ignore[type-arg]
    """A mapping of its own kind."""

    def __init__(self, content: dict[str, Any]) -> None:
        self._content = content

    def __getitem__(self, key: str) -> Any:
        return self._content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


class WithInit(list):  # type: ignore[type-arg]
    """A list that cannot be made again from its content."""

    def __init__(self, one: Any, two: Any, more: str) -> None:
        super().__init__([one, two])
        self.more = more


TREES: dict[str, tuple[Any, list[str]]] = {
    "tensor": (X, ["batch"]),
    "list": ([X, [Y]], ["batch[0]", "batch[1][0]"]),
    "tuple": ((X, (Y,)), ["batch[0]", "batch[1][0]"]),
    "dict": ({"a": X, "b": {"c": Y}}, ["batch.a", "batch.b.c"]),
    "keys of other kinds": ({0: X, (1, 2): Y}, ["batch.0", "batch.(1, 2)"]),
    "ordered dict": (collections.OrderedDict(b=X, a=Y), ["batch.b", "batch.a"]),
    "default dict": (collections.defaultdict(list, a=X), ["batch.a"]),
    "user dict": (collections.UserDict(a=X), ["batch.a"]),
    "mapping proxy": (types.MappingProxyType({"a": X}), ["batch.a"]),
    "mapping": (ReadOnly({"a": X}), ["batch.a"]),
    "named tuple": (Pair(X, [Y]), ["batch.left", "batch.right[0]"]),
    "dataclass": (Sample(X, [Y]), ["batch.image", "batch.extra[0]"]),
    "slotted dataclass": (SlottedSample(X), ["batch.image"]),
    "namespace": (types.SimpleNamespace(a=X), ["batch.a"]),
    "slots": (Slotted(X), ["batch.x"]),
    "a single slot": (OneSlot(X), ["batch.x"]),
    "list of its own kind": (WithInit(X, Y, "more"), ["batch[0]", "batch[1]"]),
    "distribution": (torch.distributions.Normal(X, Y), ["batch.loc", "batch.scale"]),
    "packed": (
        torch.nn.utils.rnn.pack_sequence([torch.ones(3), torch.ones(2)]),
        ["batch.data", "batch.batch_sizes"],
    ),
    "parameter": ([nn.Parameter(X)], ["batch[0]"]),
    "nothing to see": (["text", b"x", 1, 1.0, 1j, None, int, torch.float32, X.shape], []),
    "module": ([nn.Linear(2, 2)], []),
    "functions": ([len, lambda: X, X.sum], []),
    "generator": ([torch.Generator()], []),
}


@pytest.mark.parametrize(("tree", "names"), TREES.values(), ids=TREES)
def test_tensors_are_found_under_their_names(tree, names) -> None:
    """In containers of every kind, in order."""
    found = [name for name, _ in walk_tensors(tree, "batch")]
    if tree.__class__.__name__ == "Normal":
        found = [name for name in found if "_batch" not in name]
    assert found == names


def test_without_a_name_of_its_own_the_data_has_plain_names() -> None:
    """`logits` rather than `.logits`; a tensor alone is `tensor`."""
    assert [n for n, _ in walk_tensors({"logits": X, "hidden": [Y]})] == ["logits", "hidden[0]"]
    assert [n for n, _ in walk_tensors(X)] == ["tensor"]


def test_a_tensor_is_given_once_and_as_itself() -> None:
    """Under its first name."""
    ((name, tensor),) = walk_tensors({"a": X, "b": [X]})
    assert name == "a"
    assert tensor is X


def test_an_iterator_is_not_used_up() -> None:
    """Whoever owns it finds every element."""
    iterator = iter([X, Y])
    generator = (t for t in (X, Y))
    assert list(walk_tensors([iterator, generator])) == []
    assert len(list(iterator)) == len(list(generator)) == 2


def test_cycles_end() -> None:
    """A list that holds itself, an object and its parent."""
    cycle: list[Any] = [X]
    cycle.append(cycle)
    parent = types.SimpleNamespace(x=Y)
    parent.child = types.SimpleNamespace(parent=parent)
    assert [n for n, _ in walk_tensors([cycle, parent])] == ["[0][0]", "[1].x"]


class HostileMapping(ReadOnly):
    def __init__(self, method: str) -> None:
        super().__init__({"a": X})
        self.method = method

    def items(self) -> Any:
        if self.method == "items":
            raise RuntimeError("no")
        return super().items()

    def __iter__(self) -> Iterator[str]:
        if self.method == "iter":
            raise RuntimeError("no")
        return super().__iter__()

    def __getitem__(self, key: str) -> Any:
        if self.method == "getitem":
            raise RuntimeError("no")
        return super().__getitem__(key)


class HostileKey:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class HostileAttribute:
    __slots__ = ("x",)

    def __getattribute__(self, name: str) -> Any:
        if name == "x":
            raise RuntimeError("no")
        return super().__getattribute__(name)


class HostileList(list):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("no")


class HostileClass:
    @property
    def __class__(self) -> Any:
        raise RuntimeError("no")


class HostileDict:
    @property
    def __dict__(self) -> Any:
        raise RuntimeError("no")


HOSTILE: dict[str, Any] = {
    "items": lambda: HostileMapping("items"),
    "iter": lambda: HostileMapping("iter"),
    "getitem": lambda: HostileMapping("getitem"),
    "key": lambda: {HostileKey(): X},
    "attribute": HostileAttribute,
    "list": lambda: HostileList([X]),
    "class": HostileClass,
    "dict": HostileDict,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_what_raises_when_it_is_looked_into_is_left_out(make) -> None:
    """Everything around it is found."""
    assert [n for n, _ in walk_tensors([Y, make(), torch.ones(3)])] == ["[0]", "[2]"]


def test_properties_and_descriptors_are_not_run() -> None:
    """They may compute, communicate or raise."""

    class Lazy:
        def __init__(self) -> None:
            self.x = X

        @property
        def expensive(self) -> Tensor:
            raise AssertionError("looked at")

    assert [n for n, _ in walk_tensors(Lazy())] == ["x"]


def test_there_is_a_most() -> None:
    """Of tensors, of values looked at, and of levels."""
    assert len(list(walk_tensors([torch.ones(1) for _ in range(5_000)]))) == 1_000
    assert len(list(walk_tensors([torch.ones(1) for _ in range(50)], most=7))) == 7
    assert list(walk_tensors([*range(100_000), X])) == []
    deep: Any = X
    for _ in range(100_000):
        deep = [deep]
    assert list(walk_tensors(deep)) == []
    shallow: Any = X
    for _ in range(40):
        shallow = [shallow]
    assert len(list(walk_tensors(shallow))) == 1
