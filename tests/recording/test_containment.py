"""How failures of ours end, and how our time is counted."""

import sys
import threading
import time
import warnings

import pytest
import torch
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

from modelviz_callbacks import ModelVizWarning
from modelviz_callbacks.recording.containment import Containment


class Other(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


ENTRANCES = ("on_training_thread", "watching", "contained")


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_a_failure_is_one_warning_that_names_the_task(entrance) -> None:
    """With the error in one line; the caller goes on."""
    containment = Containment("warn")
    with (
        pytest.warns(ModelVizWarning) as caught,
        getattr(containment, entrance)("write the record"),
    ):
        raise OSError("disk\nfull")
    (warning,) = caught
    assert "could not write the record: OSError: disk full" in str(warning.message)
    assert "training goes on" in str(warning.message)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_it_is_let_out_where_that_is_asked(entrance) -> None:
    """The exception itself, for a debugger."""
    error = OSError("disk full")
    containment = Containment("raise")
    with pytest.raises(OSError, match="full") as caught, getattr(containment, entrance)("write"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_an_interrupt_is_never_held_back(entrance, interrupt) -> None:
    """Ctrl+C is the user's."""
    containment = Containment("warn")
    with pytest.raises(interrupt), getattr(containment, entrance)("write"):
        raise interrupt


def test_warnings_as_errors_do_not_stop_the_training(caplog) -> None:
    """`python -W error`: it is logged instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Containment("warn").contained("write the record"):
            raise OSError("disk full")
    assert "disk full" in caplog.text


def test_our_time_on_the_training_thread_adds_up() -> None:
    """Also that of an interrupt; not that of what runs elsewhere."""
    containment = Containment("warn")
    with containment.on_training_thread("a"):
        time.sleep(0.02)
    with pytest.raises(SystemExit), containment.watching("b"):
        sys.exit(time.sleep(0.02))
    with containment.contained("c"):
        time.sleep(0.05)
    assert 0.04 <= containment.held_s < 0.09


def test_only_work_between_steps_is_outside_of_the_users_modes() -> None:
    """The watching begins and ends among them, where the step itself runs."""
    # Not "warn", which would contain a failed assertion too.
    containment = Containment("raise")
    with Other() as mode:
        with containment.on_training_thread("a"):
            assert _get_current_function_mode_stack() == []
        with containment.watching("b"):
            assert _get_current_function_mode_stack() == [mode]
        with pytest.raises(OSError, match="full"), containment.on_training_thread("c"):
            raise OSError("disk full")
        assert _get_current_function_mode_stack() == [mode]
    assert torch.ones(1).item() == 1


def test_the_drawing_waits_while_the_training_thread_works() -> None:
    """Both change the manifest; the training thread may enter again."""
    containment = Containment("warn")
    order: list[str] = []

    def draw() -> None:
        with containment.lock:
            order.append("drawing")

    with containment.on_training_thread("a"), containment.on_training_thread("b"):
        thread = threading.Thread(target=draw)
        thread.start()
        thread.join(0.05)
        order.append("training")
    thread.join(10)
    assert order == ["training", "drawing"]


def test_a_failure_that_became_a_result_is_let_out_only_where_asked() -> None:
    """And nothing at all is no failure."""
    error = OSError("disk full")
    Containment("warn").reraise_if_asked(error)
    Containment("raise").reraise_if_asked(None)
    with pytest.raises(OSError, match="disk full"):
        Containment("raise").reraise_if_asked(error)
