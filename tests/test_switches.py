"""Environment variables that switch something on."""

import pytest

from modelviz_callbacks.switches import is_switched_on


@pytest.mark.parametrize("value", ["1", "yes", "depth=2"])
def test_anything_switches_on(monkeypatch, value) -> None:
    """That does not say no."""
    monkeypatch.setenv("MODELVIZ_X", value)
    assert is_switched_on("MODELVIZ_X")


@pytest.mark.parametrize("value", ["", " ", "0", "False", "no", "OFF"])
def test_no_does_not(monkeypatch, value) -> None:
    """In each of its spellings."""
    monkeypatch.setenv("MODELVIZ_X", value)
    assert not is_switched_on("MODELVIZ_X")


def test_a_variable_that_is_not_set_does_not(monkeypatch) -> None:
    """The usual case."""
    monkeypatch.delenv("MODELVIZ_X", raising=False)
    assert not is_switched_on("MODELVIZ_X")
