"""Which modules of two models are the same, however they are called."""

from itertools import pairwise

import pytest
from torch import nn

from modelviz_callbacks.graph.compare import compare
from modelviz_callbacks.graph.diff import GraphDiff, ModuleMove
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.watch.module_entries import describe_modules


class Holder(nn.Module):
    """Holds what it is given."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


class Encoder(Holder):
    """Equal layers on [N, width]."""

    def __init__(self, layers: int = 3, width: int = 8) -> None:
        super().__init__(layers=nn.ModuleList(layer(width) for _ in range(layers)))


def layer(width: int = 8) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.LayerNorm(width))


def chain(*widths: int) -> list[nn.Module]:
    return [nn.Linear(*pair) for pair in pairwise(widths)]


def diff(old: nn.Module, new: nn.Module) -> GraphDiff:
    return compare(*(ArchitectureGraph(describe_modules(model)) for model in (old, new)))


def moves(found: GraphDiff) -> list[tuple[str, str]]:
    return [(move.old, move.new) for move in found.moved]


def paths(found: GraphDiff) -> tuple[list[str], list[str]]:
    return [m.path for m in found.added], [m.path for m in found.removed]


def test_a_renamed_module_is_one_move_with_all_that_is_in_it() -> None:
    """Not so many removed and so many added."""
    found = diff(
        Holder(encoder=Encoder(), head=nn.Linear(8, 2)),
        Holder(backbone=Encoder(), head=nn.Linear(8, 2)),
    )
    assert found == GraphDiff(moved=(ModuleMove("encoder", "backbone"),))


def test_a_renamed_module_may_have_changed_a_little() -> None:
    """Most of what is in it is as before."""
    found = diff(Holder(encoder=Encoder(3)), Holder(backbone=Encoder(4)))
    assert moves(found) == [("encoder", "backbone")]
    assert paths(found) == ([f"backbone.layers.3{part}" for part in ("", ".0", ".1", ".2")], [])


def test_a_renamed_module_that_is_another_altogether_is_none() -> None:
    """Its class alone says nothing."""
    found = diff(Holder(encoder=Encoder(1)), Holder(backbone=Encoder(9)))
    assert found.moved == ()


def test_what_was_put_into_a_new_module_is_moved() -> None:
    """Also where that has its name now."""
    head = nn.Linear(8, 2)
    for name in ("head", "top"):
        found = diff(Holder(head=head), Holder(**{name: nn.Sequential(nn.Dropout(), head)}))
        assert moves(found) == [("head", f"{name}.1")]
        assert paths(found) == ([name, f"{name}.0"], [])


def test_the_model_itself_may_be_put_into_another() -> None:
    """As by a LightningModule; and taken out again."""
    found = diff(Encoder(), Holder(model=Encoder(), loss=nn.MSELoss()))
    assert moves(found) == [("", "model")]
    assert paths(found) == (["", "loss"], [])
    assert moves(diff(Holder(model=Encoder()), Encoder())) == [("model", "")]


def test_a_module_is_recognised_in_another_one() -> None:
    """By what is in it, if nothing else is like it."""
    found = diff(
        Holder(a=Holder(x=layer(4), y=nn.Linear(1, 1)), b=Holder(z=nn.Linear(2, 2))),
        Holder(a=Holder(y=nn.Linear(1, 1)), b=Holder(z=nn.Linear(2, 2), w=layer(4))),
    )
    assert found == GraphDiff(moved=(ModuleMove("a.x", "b.w"),))


def test_a_layer_in_a_sequence_moves_the_others_up() -> None:
    """It does not reconfigure them."""
    layers = chain(*range(1, 9))
    found = diff(nn.Sequential(*layers), nn.Sequential(layers[0], nn.Dropout(), *layers[1:]))
    assert paths(found) == (["1"], [])
    assert moves(found) == [(str(place), str(place + 1)) for place in range(1, 7)]
    assert found.changed == ()
    assert not found.reordered


def test_a_layer_in_a_sequence_may_be_another_one_while_others_move() -> None:
    """What lies between what is the same took its place."""
    layers = chain(1, 2, 3, 4)
    found = diff(
        nn.Sequential(layers[0], nn.ReLU(), *layers[1:]),
        nn.Sequential(nn.Dropout(), layers[0], nn.GELU(), *layers[1:]),
    )
    assert paths(found) == (["0"], [])
    assert [change.path for change in found.changed] == ["2"]
    assert found.changed[0].changes[0].what == "class"


def test_reconfigured_layers_in_a_sequence_stay_in_place() -> None:
    """Also where one of them is now as another one was."""
    found = diff(nn.Sequential(*chain(3, 64, 128, 256)), nn.Sequential(*chain(3, 32, 64, 128)))
    assert found.moved == ()
    assert [change.path for change in found.changed] == ["0", "1", "2"]


def test_swapped_layers_are_moved() -> None:
    """Each is where the other one was."""
    one, other = nn.Linear(2, 2), nn.LayerNorm(2)
    found = diff(nn.Sequential(one, other), nn.Sequential(other, one))
    assert sorted(moves(found)) == [("0", "1"), ("1", "0")]


def test_equal_siblings_that_were_all_renamed_keep_their_order() -> None:
    """There are as many as before."""
    old = Holder(**{name: nn.Linear(2, 2) for name in ("q", "k", "v")})
    new = Holder(**{name: nn.Linear(2, 2) for name in ("query", "key", "value")})
    assert moves(diff(old, new)) == [("q", "query"), ("k", "key"), ("v", "value")]


def test_what_is_ambiguous_is_added_and_removed() -> None:
    """Nobody can say which of three equal ones two others are."""
    old = Holder(**{name: nn.Linear(2, 2) for name in ("q", "k", "v")})
    new = Holder(**{name: nn.Linear(2, 2) for name in ("query", "key")})
    found = diff(old, new)
    assert paths(found) == (["query", "key"], ["q", "k", "v"])
    assert found.moved == ()


def test_equal_layers_far_apart_are_no_move() -> None:
    """They are equal by chance, unless the name says otherwise."""
    old = Holder(a=Holder(x=nn.Linear(2, 2), r=nn.Linear(1, 1)), b=Holder(r=nn.Linear(1, 1)))
    other = Holder(a=Holder(r=nn.Linear(1, 1)), b=Holder(r=nn.Linear(1, 1), y=nn.Linear(2, 2)))
    found = diff(old, other)
    assert (found.moved, paths(found)) == ((), (["b.y"], ["a.x"]))
    named = Holder(a=Holder(r=nn.Linear(1, 1)), b=Holder(r=nn.Linear(1, 1), x=nn.Linear(2, 2)))
    assert moves(diff(old, named)) == [("a.x", "b.x")]


def test_activations_are_moved_nowhere() -> None:
    """One is like any other."""
    found = diff(
        Holder(a=Holder(act=nn.ReLU()), b=Holder()), Holder(a=Holder(), b=Holder(act=nn.ReLU()))
    )
    assert paths(found) == (["b.act"], ["a.act"])


def test_what_is_tied_follows_a_rename() -> None:
    """A tie to the same tensor is no change, whatever that is called now."""

    def tied(name: str) -> nn.Module:
        model = Holder(**{name: nn.Linear(4, 4)}, head=nn.Linear(4, 4))
        model.head.weight = getattr(model, name).weight
        return model

    assert diff(tied("embed"), tied("tokens")) == GraphDiff(moved=(ModuleMove("embed", "tokens"),))


def test_what_is_trained_follows_a_rename() -> None:
    """Only what is frozen is told, by its new name."""
    new = Holder(backbone=Encoder(1))
    new.backbone.layers[0][0].weight.requires_grad_(requires_grad=False)
    found = diff(Holder(encoder=Encoder(1)), new)
    assert (found.now_frozen, found.now_trained) == (("backbone.layers.0.0.weight",), ())


@pytest.mark.parametrize("count", [300, 3000])
def test_long_sequences_of_few_kinds_are_aligned(count) -> None:
    """Where no layer is unlike all others."""
    layers = [(nn.ReLU() if i % 3 else nn.Linear(2, 2)) for i in range(count)]
    changed = [*layers[: count // 3], nn.GELU(), *layers[count // 3 : -9], *layers[-8:]]
    added, removed = paths(diff(nn.Sequential(*layers), nn.Sequential(*changed)))
    assert added == [str(count // 3)]
    assert len(removed) == 1
