"""Flowcharts: their grammar, their limits, and names that are hostile."""

import html
import re
from dataclasses import replace

import pytest

from modelviz_callbacks.diagram.dot_text import shorten, writable
from modelviz_callbacks.export.mermaid import MOST_CHARACTERS, MOST_EDGES, to_mermaid
from modelviz_callbacks.export.mermaid_text import escape
from modelviz_callbacks.graph.model import Failure
from tests.export.hostile_names import NAMES
from tests.graph_drafts import GraphDraft, residual_stack, state
from tests.written_records import small_graph

# All that a label may hold: letters, digits, entities, line breaks and bold text.
LABEL = r'"(?:[^\W_]|[ \xa0,.×…·]|#\d+;|<br>|</?b>)+"'
SHAPE = rf"(?:\(\[{LABEL}\]\)|\({LABEL}\)|\[{LABEL}\])"
COLOURS = r"fill:#\w{6},stroke:#\w{6},color:#\w{6},stroke-width:[\d.]+px"
LINES = (
    rf" *n\d+{SHAPE}",
    rf"  stopped\[{LABEL}\]",
    rf" *subgraph c\d+\[{LABEL}\]",
    r" *end",
    rf"  n\d+ -->(?:\|{LABEL}\|)? n\d+",
    r"  linkStyle default stroke:#\w{6}",
    rf"  classDef \w+ (?:{COLOURS}|stroke-dasharray:5 3)",
    r"  class (?:stopped|[nc]\d+(?:,[nc]\d+)*) \w+",
)
GRAMMAR = re.compile("|".join(f"(?:{line})" for line in LINES))


def lines_of(text: str) -> list[str]:
    """The lines of a flowchart, if each is one that there may be and all boxes are closed."""
    config, kind, *lines = text.splitlines()
    assert (config[:9], kind) == ("%%{init: ", "flowchart TB")
    assert [line for line in lines if not GRAMMAR.fullmatch(line)] == []
    level = 0
    for line in lines:
        level += line.strip().startswith("subgraph")
        level -= line.strip() == "end"
        assert level >= 0
    assert level == 0
    return [line.strip() for line in lines]


def plain(line: str) -> str:
    """What somebody reads of a line."""
    text = re.sub(r"#(\d+);", r"&#\1;", line.replace("<br>", " ").replace("\u200b", ""))
    return html.unescape(re.sub("</?b>", "", text)).replace("\u200b", "").replace("\xa0", " ")


def wide_graph(outputs: int, config: str = "") -> GraphDraft:
    """A layer that feeds very many others, in a module that can be closed."""
    draft = small_graph()
    draft.module("body", "Body")
    root = draft.call("body", 1, inputs=())
    for number in range(outputs):
        draft.module(
            f"body.{'ab'[number % 2]}{number}",
            "Linear",
            state("weight", 8, number + 1),
            config=config,
        )
        draft.call(f"body.{'ab'[number % 2]}{number}", root, 2)
    return draft


def test_modules_are_boxes_in_boxes_and_equal_ones_are_counted() -> None:
    """With what our diagram says of them, and lines between leaves."""
    lines = [plain(line) for line in lines_of(to_mermaid(residual_stack(4)[0].build(), 2).text)]
    assert 'subgraph c2["Model · 576 params"]' in lines
    assert 'subgraph c3["4 × Block blocks.0 … blocks.3 · 512 params, 128 each"]' in lines
    assert any(re.fullmatch(r'n\d+\("Linear .0 8, 8 64 params.*', line) for line in lines)
    assert any(re.fullmatch(r"n0 --> n\d+", line) for line in lines)
    assert sum(line.startswith("n") and "output" in line for line in lines) == 1


def test_a_style_is_that_of_the_family() -> None:
    """Every box has one, and each one that is named is defined."""
    lines = lines_of(to_mermaid(residual_stack(2)[0].build(), 2).text)
    boxes = {m[1] for line in lines if (m := re.match(r"(?:subgraph )?([nc]\d+)[\[(]", line))}
    styled = {
        box for line in lines if line.startswith("class ") for box in line.split()[1].split(",")
    }
    assert boxes == styled
    defined = {line.split()[1] for line in lines if line.startswith("classDef")}
    assert {line.split()[2] for line in lines if line.startswith("class ")} == defined
    assert {"linear", "operation", "ends"} <= defined


def test_where_the_step_stopped_is_red_and_says_why() -> None:
    """So are the boxes around it."""
    draft = small_graph()
    draft.fail(draft.call("head", 1, 0))
    text = to_mermaid(draft.build()).text
    lines = lines_of(text)
    assert "class n4 failed" in lines
    assert "class c1 failed_inside0" in lines
    assert "shapes cannot be multiplied" in plain(text)


def test_what_stopped_the_step_outside_of_all_that_was_seen_is_told() -> None:
    """In a box of its own."""
    failure = Failure(None, None, None, (), "ValueError", 'no "batch"')
    graph = replace(small_graph().build(), failure=failure)
    lines = lines_of(to_mermaid(graph).text)
    assert 'stopped["ValueError no "batch""]' in map(plain, lines)
    assert "class stopped failed" in lines


def test_what_is_frozen_is_dashed_and_said_once() -> None:
    """On the module around all that is."""
    draft = small_graph()
    draft.change("head", parameters=(state("weight", 8, 8, requires_grad=False),))
    text = to_mermaid(draft.build()).text
    lines = lines_of(text)
    assert "class n2,c1 frozen" in lines
    assert [line for line in lines if "· frozen" in line] == [
        line for line in lines if line.startswith("subgraph")
    ]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_a_name_is_text_whatever_is_in_it(name) -> None:
    """It is read as it was, and means nothing to Mermaid, Markdown and HTML."""
    draft = small_graph(name, name)
    draft.output(name, draft.op(name, 1, 2))
    text = to_mermaid(draft.build(), 3).text
    lines_of(text)
    text.encode("utf-8")
    said = writable(shorten(name, 36))
    assert said in plain(text)


def test_what_mermaid_looks_for_after_its_entities_is_kept_apart() -> None:
    """Formulas, icons and line breaks."""
    assert "#36;#36;" not in escape("$$x$$")
    assert "#58;fa" not in escape("fa:fa-car")
    assert "#92;n" not in escape("a\\nb")


def test_a_depth_that_mermaid_does_not_draw_is_lowered_and_said() -> None:
    """More than 500 lines are an error on GitHub."""
    graph = wide_graph(MOST_EDGES + 20).build()
    exported = to_mermaid(graph, 4)
    assert sum(" --> " in line for line in lines_of(exported.text)) <= MOST_EDGES
    assert len(exported.text) <= MOST_CHARACTERS
    assert any("depth 1 instead of 4" in note and "500" in note for note in exported.notes)


def test_a_text_that_is_too_long_is_shortened_in_the_same_way() -> None:
    """Of many boxes with much on them."""
    assert to_mermaid(wide_graph(300).build(), 4).text.count(" --> ") > 300
    exported = to_mermaid(wide_graph(300, "[" * 50).build(), 4)
    assert len(exported.text) <= MOST_CHARACTERS
    assert any("50,000 characters" in note for note in exported.notes)


def test_by_default_it_can_be_read() -> None:
    """Even where Mermaid would draw more; it says that there is more."""
    graph = wide_graph(100).build()
    assert any("to be read well" in note for note in to_mermaid(graph).notes)
    assert len(to_mermaid(graph, 3).text) > 5 * len(to_mermaid(graph).text)


def test_the_same_graph_is_the_same_flowchart() -> None:
    """So that it can be committed."""
    assert to_mermaid(residual_stack(3)[0].build()) == to_mermaid(residual_stack(3)[0].build())
