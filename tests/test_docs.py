"""The documents name what is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_a_document_names_is_there(document) -> None:
    """What is said to be proved is proved by something."""
    for file, name in _TEST.findall(document.read_text("utf-8")):
        assert (ROOT / file).is_file(), file
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not name or name in tests, f"{file}::{name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_project_leads_somewhere(document) -> None:
    """Renamed files take their links along."""
    for target in _LINK.findall(document.read_text("utf-8")):
        assert (document.parent / target).exists(), target
