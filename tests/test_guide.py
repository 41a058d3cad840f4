"""The guide: everything that it says to do is done, in its order, by one reader."""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guide_blocks import Block, Reader, as_installed, blocks, require_shown

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "guide.md").read_text("utf-8")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short name, as people have them: long ones are shortened where shown."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.filterwarnings("ignore")
def test_what_the_guide_shows_is_what_happens(tmp_path, home, monkeypatch) -> None:
    """Commands in a terminal, Python in one session, the steps of workflows; in one folder."""
    for variable in ("MODELVIZ_EVERY_RUN", "MODELVIZ_UPDATE_GOLDEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(str(home))
    for module in ("net", "train"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    reader = Reader(as_installed(tmp_path, ROOT))
    for block in blocks(GUIDE):
        reader.read(block)


def test_no_block_is_passed_over() -> None:
    """Each fence is one that the parser finds."""
    assert len(re.findall(r"^```", GUIDE, re.MULTILINE)) == 2 * len(blocks(GUIDE))


def test_each_task_is_in_the_table_of_contents() -> None:
    """In the same order."""
    listed = re.findall(r"^- \[([^\]]+)\]\(#", GUIDE, re.MULTILINE)
    assert listed == re.findall(r"^## (.+)$", GUIDE, re.MULTILINE)


@pytest.mark.parametrize(
    ("shown", "is_there"),
    [("a  2", True), ("b … 4", True), ("b … 4\na 2", False), ("a", False), ("c", False)],
)
def test_shown_lines_must_be_said_in_their_order(shown, is_there) -> None:
    """So a guide that shows something else fails."""
    block = Block(1, "console", "", "")
    if is_there:
        require_shown(shown, "a 2\nsomething\nb 3 4\n", block)
    else:
        with pytest.raises(AssertionError, match="shows"):
            require_shown(shown, "a 2\nsomething\nb 3 4\n", block)
