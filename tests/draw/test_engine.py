"""Layout and rasterising."""

import io
import subprocess
import sys
from functools import partial
from xml.etree import ElementTree as ET

import pytest
import resvg_py
from PIL import Image

from modelviz_callbacks.draw import engine
from modelviz_callbacks.draw.paint.raster import rasterize

CHAIN = 'digraph { a [label="one"]; b [label="two"]; a -> b }'


def picture(svg: str) -> Image.Image:
    return Image.open(io.BytesIO(rasterize(svg).sheets[0]))


def dark_pixels(image: Image.Image) -> int:
    return sum(image.convert("L").histogram()[:128])


def test_a_graph_becomes_svg_with_its_nodes_edges_and_labels() -> None:
    """Every node, edge and label of the DOT source is in the SVG."""
    svg = ET.fromstring(engine.layout(CHAIN).encode())
    classes = [element.get("class") for element in svg.iter()]
    texts = [element.text for element in svg.iter() if element.tag.endswith("text")]
    assert (classes.count("node"), classes.count("edge"), texts) == (2, 1, ["one", "two"])


def test_a_size_attribute_does_not_shrink_the_text() -> None:
    """Torchview and torchviz set `size`, which would scale a large graph's text to nothing."""
    source = CHAIN.replace("{", '{ graph [size="0.1,0.1"];', 1)
    assert engine.layout(source).partition("<g ")[0] == engine.layout(CHAIN).partition("<g ")[0]


def test_links_and_foreign_images_are_dropped(tmp_path) -> None:
    """What a hostile name could smuggle into a graph neither links nor loads anything."""
    image = tmp_path / "secret.png"
    Image.new("RGB", (20, 20), "red").save(image)
    label = f'<<TABLE HREF="javascript:alert(1)"><TR><TD><IMG SRC="{image}"/></TD></TR></TABLE>>'
    linked = 'a [URL="javascript:alert(2)"]'
    source = f'digraph {{ {linked}; b [label={label}]; c [image="{image}"]; a -> b -> c }}'
    svg = engine.layout(source)
    assert "javascript" not in svg
    assert "secret" not in svg
    assert "<image" not in svg


def test_invalid_dot_is_refused_with_a_message() -> None:
    """A syntax error is an exception that says something, not a crash."""
    with pytest.raises(ValueError, match=r"\S"):
        engine.layout("digraph { a -> ")


@pytest.mark.parametrize("name", ["<b>", 'say "hi"', "back\\slash", "{brace}", "☃ 雪", "x" * 500])
def test_escaped_hostile_labels_are_shown_as_they_are(name: str) -> None:
    """Whatever characters a class name has, the SVG stays valid and shows them."""
    label = name.replace("\\", "\\\\").replace('"', '\\"')
    svg = ET.fromstring(engine.layout(f'digraph {{ a [label="{label}"]; a -> b }}').encode())
    texts = [element.text for element in svg.iter() if element.tag.endswith("text")]
    assert name in texts


def test_a_png_has_the_natural_size_of_its_svg_and_ink() -> None:
    """One point is 96/72 pixels, and something is painted."""
    svg = engine.layout(CHAIN)
    image = picture(svg)
    height_pt = float(svg.split('height="')[1].split("pt")[0])
    assert image.height == pytest.approx(height_pt * 96 / 72, abs=1.5)
    assert len(image.convert("L").getcolors()) > 10


def test_text_is_painted_without_any_font_of_the_system(monkeypatch) -> None:
    """A slim image has no fonts: the package's own one paints the labels."""
    paint = partial(resvg_py.svg_to_bytes, skip_system_fonts=True)
    monkeypatch.setattr(resvg_py, "svg_to_bytes", paint)
    box = 'digraph {{ a [label="{}" shape=box width=2 fixedsize=true] }}'
    labelled, empty = (dark_pixels(picture(engine.layout(box.format(t)))) for t in ("WWWWW", ""))
    assert labelled > 1.3 * empty


def test_drawing_imports_no_torch() -> None:
    """The child process stays small: torch, Lightning and TensorBoard are never imported."""
    script = (
        "import sys, modelviz_callbacks.draw.worker as w\n"
        "from modelviz_callbacks.draw import supervisor\n"
        f"w.rasterize(w.layout({CHAIN!r}))\n"
        "print(sorted({'torch', 'lightning', 'tensorboard', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
