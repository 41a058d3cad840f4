"""`modelviz diff`: text, JSON and exit codes."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from modelviz_callbacks import record_architecture
from modelviz_callbacks.cli.main import main


def recorded(folder: Path, *layers: nn.Module) -> str:
    record_architecture(
        nn.Sequential(*layers), (torch.zeros(2, 4),), log_dir=folder, visualizers=["architecture"]
    )
    return str(folder)


@pytest.fixture
def old(tmp_path) -> str:
    return recorded(tmp_path / "old", nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))


@pytest.fixture
def new(tmp_path) -> str:
    layers = nn.Linear(4, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 4)
    return recorded(tmp_path / "new", *layers)


def test_the_same_architecture_is_0(old, capsys) -> None:
    """It is said with the fingerprints that are equal."""
    assert main(["diff", old, old]) == 0
    said = capsys.readouterr().out
    assert "The same architecture" in said
    assert "structure  sha256:" in said


def test_another_architecture_is_1(old, new, capsys) -> None:
    """The text says in what, under headings, and without colours where no terminal is."""
    assert main(["diff", old, new]) == 1
    said = capsys.readouterr().out
    assert said.startswith("A  ")
    assert "\nModules\n  + 2 (Dropout)\n  ~ 2 → 3 (renamed)\n" in said
    assert "The same" not in said
    assert "\x1b" not in said


def test_what_cannot_be_read_is_2(old, tmp_path, capsys) -> None:
    """In one line."""
    assert main(["diff", old, str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_json_for_scripts(old, new, capsys) -> None:
    """With the same exit code."""
    assert main(["diff", old, new, "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert [module["path"] for module in content["modules"]["added"]] == ["2"]
    assert content["modules"]["moved"] == [{"old": "2", "new": "3", "renamed": True}]


def test_many_lines_are_counted_unless_all_are_asked_for(tmp_path, capsys) -> None:
    """Twenty under a heading can be read."""
    layers = [nn.Linear(4, 4) for _ in range(30)]
    one = recorded(tmp_path / "one", *layers)
    for place, layer in enumerate(layers):
        layers[place] = nn.Sequential(layer, *(nn.Identity() for _ in range(place)))
    other = recorded(tmp_path / "other", *layers)
    main(["diff", one, other])
    short = capsys.readouterr().out
    assert " more (--all)" in short
    main(["diff", one, other, "--all"])
    assert len(capsys.readouterr().out.splitlines()) > len(short.splitlines())


def test_a_page_needs_both_graphs(old, new, tmp_path, capsys) -> None:
    """Without a page, fingerprints are enough."""
    file = tmp_path / "new" / "architecture" / "manifest.json"
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps({**manifest, "artifacts": [], "graph_digest": None}))
    assert main(["diff", old, new]) == 1
    assert "compared by fingerprints alone" in capsys.readouterr().out
    page = tmp_path / "diff.html"
    assert main(["diff", old, new, "--page", str(page)]) == 2
    assert "lists no architecture.json" in capsys.readouterr().err
    assert not page.exists()
