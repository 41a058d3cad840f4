"""Names from models on their whole way: DOT → SVG → PNG."""

import io
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

import pytest
import torch
from PIL import Image
from torch import nn

from modelviz_callbacks import record_architecture
from modelviz_callbacks.draw.engine import layout
from modelviz_callbacks.draw.job import DrawJob
from modelviz_callbacks.draw.paint.raster import rasterize
from modelviz_callbacks.draw.source import source

NAMES = [
    "<b>&amp;<script>alert(1)</script>",
    'say "hi"',
    "back\\slash\\N\\n",
    "{a|b}",
    "two\nlines",
    "🎉 雪 \u202e",
    "x" * 500,
    '</TD></TR></TABLE>>]; evil [URL="javascript:1"]',
]
KINDS = ("architecture", "torchview", "autograd")


@cache
def sources(name: str) -> dict[str, str]:
    """What the three write of a model whose class, parts and parameters have such a name."""
    part = type(name, (nn.Linear,), {})
    net = nn.Sequential()
    # torch allows no dot in the name of a part.
    net.add_module(name.replace(".", "_"), part(4, 4))
    net.add_module("last", nn.ReLU())
    model = type(name, (nn.Module,), {"forward": lambda self, x: self.net(x).sum()})()
    model.net = net
    with TemporaryDirectory() as folder:
        record_architecture(model, (torch.rand(2, 4),), log_dir=folder, formats=())
        record = Path(folder) / "architecture"
        graph = (record / "architecture.json").read_text(encoding="utf-8")
        dots = {kind: (record / f"{kind}.gv").read_text(encoding="utf-8") for kind in KINDS}
    return {"graph": graph, **dots}


@pytest.mark.parametrize("detail", ["all", "lower"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_whatever_a_class_is_called_there_is_a_picture(name, kind, detail) -> None:
    """Valid, without a link or script, in pixels too; and the name is to be read in it."""
    made = sources(name)
    graph = made["graph"] if kind == "architecture" else ""
    dot, _ = source(DrawJob("g", made[kind], ("svg", "png"), kind, graph, 2), detail)
    svg = layout(dot)
    root = ET.fromstring(svg.encode())
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {
        "svg",
        "g",
        "title",
        "desc",
        "style",
        "text",
        "path",
        "polygon",
        "polyline",
        "ellipse",
        "rect",
    }
    assert not any("href" in key for element in root.iter() for key in element.attrib)
    for png in rasterize(svg).sheets:
        Image.open(io.BytesIO(png)).verify()
    assert all(text in _written(root) for text in _expected(name, kind, detail))
    assert len(max(_texts(root), key=len)) < 150


def _texts(root: ET.Element) -> list[str]:
    return [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]


def _written(root: ET.Element) -> str:
    return "".join(_texts(root)).replace("\xa0", " ")


def _expected(name: str, kind: str, detail: str) -> list[str]:
    """What is to be read: the part is closed at the lower depth, and an operation of another."""
    if kind == "autograd" and "\n" in name:
        # torchviz' own label has one line for each.
        return ["two", "lines"] if detail == "all" else []
    if len(name) > 150:
        return ["x" * 20] if detail == "all" else []
    shown = " ".join(name.replace("\u202e", "\ufffd").split())
    return [] if kind == "autograd" and detail == "lower" else [shown]
