"""What a logger is told of a record, as TensorBoard shows it."""

from html import unescape
from pathlib import Path

import pytest
from tensorboard.plugin_util import markdown_to_safe_html

from modelviz_callbacks.archive.manifest import Artifact, Manifest
from modelviz_callbacks.recording.record_text import pictures_text, record_text

DIRECTORY = "/runs/my run/version_0/architecture"
TEXT = Artifact("summary", "torchinfo", "", "ok", ("summary.txt",))
PICTURE = Artifact("torchview", "torchview", "net", "ok", ("torchview.gv",))
PAGE = Artifact("page", "page", "", "ok", ("index.html",))


def manifest(*artifacts: Artifact, **fields: object) -> Manifest:
    given = {
        "created_at": "2026-01-31T12:00:00Z",
        "status": "complete",
        "model": {"class": "nets.Net"},
        "totals": {"parameters": 11_689_512, "flops_forward": 3_640_000_000},
        "fingerprints": {"structure": "sha256:0123456789abcdef", "trainable": "sha256:77"},
    }
    return Manifest(artifacts=artifacts, **(given | fields))


def shown(text: str) -> str:
    """The text as it is seen: HTML without what TensorBoard takes out."""
    html: str = markdown_to_safe_html(text)
    return html


def test_a_record_tells_where_it_is_and_what_it_is() -> None:
    """Path and page as code that can be copied, totals, fingerprints in short."""
    html = unescape(shown(record_text(manifest(TEXT), DIRECTORY, "architecture/pictures")))
    assert "<strong>Net</strong> · complete · 11.7 M parameters · 3.64 G FLOPs forward" in html
    assert f"<code>{DIRECTORY}</code>" in html
    assert "<code>file:///runs/my%20run/version_0/architecture/index.html</code>" in html
    assert "<em>Architecture</em>" in html
    assert "Structure: <code>0123456789ab</code>" in html
    assert "What trains: <code>77</code>" in html
    assert "Data flow" not in html
    assert "<strong>summary</strong> · ok" in html
    assert "<code>architecture/pictures</code> will tell" in html


def test_pictures_that_are_still_to_be_drawn_are_not_said_to_be_there() -> None:
    """Their DOT is; where nothing is drawn, that is all that there will be."""
    html = shown(record_text(manifest(TEXT, PICTURE), DIRECTORY, "architecture/pictures"))
    assert html.count("</strong> · being drawn") == 1
    html = shown(record_text(manifest(TEXT, PICTURE), DIRECTORY, None))
    assert "being" not in html
    assert "index.html" not in html


def test_how_pictures_came_out_is_told_with_their_simplifications() -> None:
    """And with what failed; texts are no pictures."""
    failed = Artifact("autograd", "torchviz", "", "failed", ("autograd.gv",), (), "timed out")
    simpler = Artifact(
        "torchview", "torchview", "net", "ok", ("torchview.gv", "a.png"), ("drawn folded",)
    )
    html = shown(pictures_text(manifest(TEXT, simpler, failed, PAGE), DIRECTORY))
    assert "<strong>net: torchview</strong> · ok<ul>\n<li>drawn folded</li>" in html
    assert "<strong>autograd</strong> · failed<ul>\n<li>timed out</li>" in html
    assert "summary" not in html
    assert "index.html" in html
    given_up = Artifact("page", "page", "", "failed", error="not made")
    assert "index.html" not in pictures_text(manifest(simpler, given_up), DIRECTORY)


def test_what_a_step_raised_and_notes_are_told() -> None:
    """Where the record is most needed."""
    raised = manifest(
        status="failed_step",
        exception={"type": "ValueError", "message": "sizes\ndiffer"},
        notes=("seen in part",),
    )
    html = shown(record_text(raised, DIRECTORY, None))
    assert "the first step raised" in html
    assert "Raised: ValueError: sizes differ" in html
    assert "Note: seen in part" in html


def test_a_record_in_a_store_has_its_address() -> None:
    """There is no file URL of it."""
    html = unescape(shown(record_text(manifest(), "s3://bucket/run/architecture", "t")))
    assert "<code>s3://bucket/run/architecture/index.html</code>" in html


@pytest.mark.parametrize(
    "name",
    ["<img src=x onerror=alert(1)>", "a|b`c", "*bold* _it_ [x](y)", "![x](http://e)", "a\n# b",
     "</code><h1>", "&amp;", "\udcff", "x__y__z", "\\`"],
)  # fmt: skip
def test_names_mean_nothing_but_themselves(name) -> None:
    """They come out as they are, in their place of the list."""
    artifact = Artifact("n", "v", name, "ok", ("n.gv",), (name,), name)
    made = manifest(artifact, notes=(name,), exception={"type": name, "message": name})
    for text in (
        record_text(made, f"/runs/{name.replace('/', '')}", name),
        pictures_text(made, str(Path("/runs"))),
    ):
        html = shown(text)
        assert not any(tag in html for tag in ("<img", "<h1", "<a ", "<em>it"))
        seen = " ".join(name.split()).replace("\udcff", "\ufffd")
        assert f"<strong>{seen}: n</strong> · " in unescape(html.replace("&amp;", "&"))


def test_what_is_long_is_cut() -> None:
    """A text of a logger is read at a glance; the record has it all."""
    artifact = Artifact("n", "v", "", "ok", ("n.gv",), ("x" * 10_000,) * 20)
    text = pictures_text(manifest(artifact), DIRECTORY)
    assert len(text) < 3_000
    assert "15 notes more" in text
