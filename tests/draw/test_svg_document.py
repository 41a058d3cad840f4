"""The SVG as a file of its own."""

import io
from xml.etree import ElementTree as ET

import pytest
import resvg_py
from PIL import Image

from modelviz_callbacks.diagram import palette
from modelviz_callbacks.diagram.architecture_diagram import architecture_dot
from modelviz_callbacks.draw import engine
from tests.graph_drafts import GraphDraft

_SVG = "{http://www.w3.org/2000/svg}"
OURS = (
    f'digraph {{ node [fillcolor="{palette.LINEAR.fill}" color="{palette.LINEAR.line}" '
    f'fontcolor="{palette.TEXT}" style=filled]; edge [color="{palette.EDGE}"]; '
    'a [label="Linear\\nfc"]; a -> b }'
)


def test_it_has_a_role_a_title_and_a_description() -> None:
    """A screen reader says what the picture is, and what is on it."""
    root = ET.fromstring(engine.layout(OURS, title="Diagram of the model").encode())
    assert root.get("role") == "img"
    assert root[0].tag == f"{_SVG}title"
    assert root[0].text == "Diagram of the model"
    assert root[1].tag == f"{_SVG}desc"
    assert (root[1].text or "").startswith("2 boxes and 1 lines between them.")


def test_the_head_of_the_picture_is_in_its_description() -> None:
    """What stands above our diagram: the class of the model, its size."""
    head = "digraph { label=<<TABLE><TR><TD>ResNet 11.7 M params</TD></TR></TABLE>>; a -> b }"
    root = ET.fromstring(engine.layout(head).encode())
    assert "ResNet 11.7 M params" in (root[1].text or "")


def test_a_box_shows_its_text_where_the_mouse_is_not_its_name_in_the_source() -> None:
    """A browser shows the title of what is below the mouse."""
    svg = engine.layout(
        'digraph { subgraph cluster_x { label="Block"; secret1 [label="Linear\\nfc"] } '
        'secret1 -> secret2; secret2 [label="" tooltip="cut off"] }'
    )
    root = ET.fromstring(svg.encode())
    titles = [element.text for element in root.iter(f"{_SVG}title")]
    assert titles == ["Graph", "Block", "Linear · fc", "cut off"]
    assert "secret" not in svg


def test_every_color_has_its_dark_counterpart_on_a_dark_page() -> None:
    """By one rule for each colour that is there, and none for others."""
    svg = engine.layout(OURS)
    style = ET.fromstring(svg.encode()).findtext(f"{_SVG}style") or ""
    assert style.startswith("@media (prefers-color-scheme: dark){")
    for name, light in [
        ("fill", palette.LINEAR.fill),
        ("stroke", palette.LINEAR.line),
        ("fill", palette.TEXT),
        ("fill", palette.PAGE),
        ("stroke", palette.EDGE),
    ]:
        assert f'[{name}="{light}"]{{{name}:{palette.DARK[light]}}}' in style
    assert palette.RECURRENT.fill not in style


@pytest.mark.parametrize("foreign", ['color="#123456"', 'fontcolor="black"'])
def test_a_picture_with_a_color_that_is_not_ours_stays_light(foreign) -> None:
    """Half of it dark could not be read."""
    assert "@media" in engine.layout(OURS)
    assert "@media" not in engine.layout(OURS.replace("a [", f"a [{foreign} "))


def test_our_own_diagram_is_dark_on_a_dark_page() -> None:
    """Each colour that it uses is known."""
    draft = GraphDraft()
    source, _ = architecture_dot(draft.build(), 1)
    assert "@media" in engine.layout(source)


def test_a_painter_that_knows_no_dark_pages_paints_it_light() -> None:
    """As resvg does, of the whole file."""
    svg = engine.layout(OURS)
    light = svg.replace("<style>", "<desc>").replace("</style>", "</desc>")
    whole, plain = (
        Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=text, dpi=96))))
        for text in (svg, light)
    )
    assert whole.tobytes() == plain.tobytes()
    assert whole.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
