"""The end of a process, in real ones: who is called, and whether it is a bad end."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from modelviz_callbacks.recording.process_end import call_at_process_end, ends_by_exception

ROOT = Path(__file__).parent.parent.parent
BODIES = {
    "pass": "False",
    "raise KeyError": "True",
    "import sys; sys.exit(1)": "False",
    "import sys; sys.exit(0)": "False",
}
# In a child of multiprocessing an exit status is on its way like an exception.
CHILDS = BODIES | {"import sys; sys.exit(1)": "True"}


def _leave(file: str, body: str) -> None:
    def tell() -> None:
        Path(file).write_text(str(ends_by_exception()), "utf-8")

    taken_back = call_at_process_end(lambda: Path(file).with_suffix(".never").touch())
    taken_back()
    call_at_process_end(tell)
    exec(body)


@pytest.mark.parametrize("body", BODIES)
def test_a_program_calls_at_its_end(body, tmp_path) -> None:
    """It knows whether nobody caught what it ends by."""
    script = (
        "from tests.recording.test_process_end import _leave\n"
        f"_leave({str(tmp_path / 'told')!r}, {body!r})"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, capture_output=True)
    assert (tmp_path / "told").read_text("utf-8") == BODIES[body]
    assert not (tmp_path / "told.never").exists()


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_children_of_multiprocessing_call_at_their_end(method, tmp_path) -> None:
    """Forked ones run no handlers of atexit; spawned ones do when their exception is forgotten.

    From Python 3.13 on the exception is forgotten in both.
    """
    context = multiprocessing.get_context(method)
    files = [tmp_path / str(number) for number in range(len(CHILDS))]
    children = [
        context.Process(target=_leave, args=(str(file), body))
        for file, body in zip(files, CHILDS, strict=True)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    told = [file.read_text("utf-8") for file in files]
    if sys.version_info < (3, 13):
        assert told == list(CHILDS.values())
    assert not list(tmp_path.glob("*.never"))
