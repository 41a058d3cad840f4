"""Tensors in nested data."""

import threading
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from modelviz_callbacks.watch.tensor_tree import clone_tensor, map_tensors, named_tensors

Pair = namedtuple("Pair", ["left", "right"])  # noqa: PYI024 - as users still write them


@dataclass(frozen=True)
class Frozen:
    image: torch.Tensor
    name: str = "x"


ONE, TWO = torch.ones(1), torch.ones(2)
TREES = [
    (ONE, ["b"]),
    ([ONE, (TWO,)], ["b[0]", "b[1][0]"]),
    ({"x": ONE, 3: None, "s": "text"}, ["b.x"]),
    (OrderedDict(x=ONE), ["b.x"]),
    (Pair(ONE, [TWO]), ["b.left", "b.right[0]"]),
    (Frozen(ONE), ["b.image"]),
    ((ONE, ONE), ["b[0]"]),
    ((1, "s", None, torch.Size([1])), []),
    (torch.distributions.Normal(ONE, 2 * ONE), ["b.loc", "b.scale"]),
    (pack_sequence([ONE]), ["b.data", "b.batch_sizes"]),
]


@pytest.mark.parametrize(("tree", "names"), TREES, ids=lambda t: type(t).__name__)
def test_every_tensor_is_found_once_under_its_name(tree, names) -> None:
    """Lists, mappings, named tuples, dataclasses and other objects are looked into."""
    assert [name for name, _ in named_tensors(tree, "b")] == names


@pytest.mark.parametrize(("tree", "names"), TREES, ids=lambda t: type(t).__name__)
def test_a_clone_has_the_same_structure_and_shares_no_tensor(tree, names) -> None:
    """Types are kept, values are equal, storages differ."""
    twin = map_tensors(tree, clone_tensor)
    assert type(twin) is type(tree)
    pairs = list(zip(named_tensors(tree), named_tensors(twin), strict=True))
    assert len(pairs) == len(names)
    for (name, old), (twin_name, new) in pairs:
        assert name == twin_name
        assert torch.equal(old, new)
        assert old.data_ptr() != new.data_ptr()


def test_changing_a_clone_never_reaches_the_original() -> None:
    """Containers and objects are copied too."""

    class State:
        def __init__(self) -> None:
            self.steps = [1]

    tree: dict[str, Any] = {"list": [1], "state": State(), "x": ONE}
    twin = map_tensors(tree, clone_tensor)
    twin["list"].append(2)
    twin["state"].steps.append(2)
    twin["new"] = 1
    assert (tree["list"], tree["state"].steps, "new" in tree) == ([1], [1], False)


def test_shared_tensors_stay_shared_and_cycles_end() -> None:
    """A tensor that is there twice is one clone; a list in itself is no endless loop."""
    cycle: list[Any] = [ONE, ONE]
    cycle.append(cycle)
    twin = map_tensors(cycle, clone_tensor)
    assert twin[0] is twin[1]
    assert twin[2] is twin


def test_what_cannot_be_copied_is_shared() -> None:
    """A lock or an iterator in a batch is no error."""
    tree = {"lock": threading.Lock(), "rows": iter([1]), "x": ONE}
    twin = map_tensors(tree, clone_tensor)
    assert twin["lock"] is tree["lock"]


def test_a_clone_keeps_requires_grad_without_history() -> None:
    """The replay's graph starts at its inputs."""
    x = torch.ones(2, requires_grad=True) * 2
    clone = clone_tensor("x", x)
    assert clone.requires_grad
    assert clone.is_leaf
