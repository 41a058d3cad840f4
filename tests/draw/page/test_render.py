"""The page as a file: its structure, its policy, what is in it, the same bytes each time."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from modelviz_callbacks.diagram.palette import DARK, FAMILIES
from modelviz_callbacks.draw.page.content import PageContent, Shown
from modelviz_callbacks.draw.page.facts import MOST_DEPTHS, boxes_of, depths_of, modules_of
from modelviz_callbacks.draw.page.render import render_page
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry, Node, StateEntry

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><g id="graph0"/></svg>'
HOSTILE = "</script><script>alert(1)</script>"


def graph(name: str = "Net") -> ArchitectureGraph:
    """A model with two layers, of which one is never called."""
    weight = StateEntry("weight", (4, 3), "float32", "cpu", requires_grad=True)
    modules = (
        ModuleEntry("", f"my.{name}"),
        ModuleEntry("fc", "torch.nn.modules.linear.Linear", "3, 4", parameters=(weight,)),
        ModuleEntry("unused", "torch.nn.modules.linear.Linear", parameters=(weight,)),
    )
    nodes = (
        Node(0, "input", "x"),
        Node(1, "module", name, ""),
        Node(2, "module", "Linear", "fc", 1, flops=24),
    )
    return ArchitectureGraph(modules, nodes)


def content(**changes: object) -> PageContent:
    manifest = {"model": {"class": "my.Net"}, "status": "complete", "created_at": "2026-01-31"}
    given = {
        "record": "architecture",
        "manifest": manifest,
        "graph": graph(),
        "diagrams": {1: SVG},
        "texts": (Shown("modules", "", "Net(…)"),),
        "pictures": (Shown("torchview", "", SVG),),
    }
    return PageContent(**(given | changes))


class _Elements(HTMLParser):
    """Collects scripts and styles as a browser takes them apart."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs), ""))
        self._open = True

    def handle_endtag(self, tag) -> None:
        self._open = False

    def handle_data(self, data) -> None:
        if self._open:
            tag, attrs, text = self.found[-1]
            self.found[-1] = (tag, attrs, text + data)

    def of(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, text) for name, attrs, text in self.found if name == tag]


def blocks(html: str) -> dict[str, str]:
    """Unpacks the blocks of data, by name."""
    return {
        attrs["id"]: zlib.decompress(base64.b64decode(text)).decode()
        for attrs, text in _Elements(html).of("script")
        if attrs.get("type") == "application/octet-stream"
    }


def facts(html: str) -> dict:
    return json.loads(blocks(html)["block-facts"])


def _policy(html: str) -> dict[str, list[str]]:
    (policy,) = (
        attrs["content"]
        for attrs, _ in _Elements(html).of("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    return {name: values for name, *values in (part.split() for part in policy.split("; "))}


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_what_is_in_the_page_and_nothing_else() -> None:
    """Each script and style by its hash; no source, no base, no form, images as data alone."""
    html = render_page(content())
    policy = _policy(html)
    elements = _Elements(html)
    scripts = [text for attrs, text in elements.of("script") if "type" not in attrs]
    assert policy["script-src"] == [_hash(text) for text in scripts]
    assert policy["style-src"] == [_hash(text) for _, text in elements.of("style")]
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    assert policy["img-src"] == ["data:"]
    assert "unsafe" not in str(policy)


def test_nothing_is_loaded() -> None:
    """No element has an address to fetch."""
    for _, attrs, _ in _Elements(render_page(content())).found:
        assert not attrs.keys() & {"src", "srcset", "action", "data", "poster", "background"}
        assert str(attrs.get("href", "#")).startswith("#")
        assert not [name for name in attrs if name.startswith("on")]


def test_a_reader_without_scripts_is_told_where_to_look() -> None:
    """The page says which files are beside it."""
    html = render_page(content())
    assert re.search(r"<noscript>.*architecture\.svg.*</noscript>", html, re.DOTALL)


def test_pictures_and_texts_are_in_the_page() -> None:
    """Each in a block of its own, unpacked only when it is looked at."""
    html = render_page(content())
    assert blocks(html)["block-diagram-1"] == SVG
    assert blocks(html)["block-picture-0"] == SVG
    told = facts(html)
    assert told["texts"] == [{"name": "modules", "root": "", "content": "Net(…)"}]
    assert told["pictures"] == [{"name": "torchview", "root": "", "block": "picture-0"}]
    assert list(told["views"]) == ["1"]


def test_pictures_bring_no_style_of_their_own() -> None:
    """The policy would refuse it, and the browser complain; what a label says of styles stays."""
    label = '<text fill="red">a style="b"</text>'
    svg = f'<svg viewBox="0 0 9 9" style="color:red"><style>a{{}}\nb{{}}</style>{label}</svg>'
    html = render_page(content(diagrams={1: svg}, pictures=(Shown("torchview", "", svg),)))
    for name in ("block-diagram-1", "block-picture-0"):
        assert blocks(html)[name] == f'<svg viewBox="0 0 9 9">{label}</svg>'


@pytest.mark.parametrize(
    "name", [HOSTILE, '"><img src=x>', "{{blocks}}", "\ud800", "a\u202eb", "<!--", "\\"]
)
def test_hostile_names_are_data(name) -> None:
    """Whatever a class is called, the page has the same elements, and the name is in its data."""
    manifest = {"model": {"class": f"my.{name}"}, "status": "complete"}
    html = render_page(content(graph=graph(name), manifest=manifest, record=name))
    plain = render_page(content())
    tags = [tag for tag, _, _ in _Elements(html).found]
    assert tags == [tag for tag, _, _ in _Elements(plain).found]
    found = facts(html)["modules"][0]["class"]
    assert found == {"a\u202eb": "my.a\\u202eb"}.get(name, f"my.{name}")
    if "script" in name:
        assert name not in html


def test_the_same_content_makes_the_same_bytes() -> None:
    """In another process, too, where sets and dicts may have another order."""
    code = (
        "import hashlib, tests.draw.page.test_render as t;"
        "print(hashlib.sha256(t.render_page(t.content()).encode()).hexdigest())"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    own = hashlib.sha256(render_page(content()).encode()).hexdigest()
    assert made == [own, own]


def test_a_record_of_which_nothing_was_seen_has_a_page() -> None:
    """A run that ended before its first step: what there is, and no diagram."""
    told = facts(render_page(content(graph=None, diagrams={}, texts=(), pictures=())))
    assert (told["modules"], told["nodes"], told["views"]) == ([], [], {})


def test_modules_are_described_with_their_costs() -> None:
    """Own parameters, those of all in it, FLOPs, calls and family."""
    root, layer, unused = modules_of(graph())
    assert layer["own_parameters"] == layer["costs"]["parameters"] == 12
    assert root["costs"] | {"calls": 1} == root["costs"]
    assert root["costs"]["parameters"] == 24
    assert layer["costs"]["flops_forward"] == 24
    assert FAMILIES[layer["family"]].name == "linear"
    assert unused["costs"]["calls"] == 0


def test_boxes_tell_what_they_stand_for() -> None:
    """The ids are those of the elements in the SVG."""
    _, root = boxes_of(graph(), 1)
    assert root["id"] == 1
    assert root["boxes"] == [{"id": 2, "node": 2, "count": 1, "paths": ("fc",), "hidden": 0}]


def test_the_depths_end_where_nothing_more_is_to_be_seen() -> None:
    """From 1 to the innermost calls, and not further than anybody moves a slider."""
    assert list(depths_of(graph())) == [1]
    chain = tuple(Node(n, "module", "M", "a", n - 1 if n else None) for n in range(30))
    assert list(depths_of(ArchitectureGraph(nodes=chain[:4]))) == [1, 2, 3]
    assert list(depths_of(ArchitectureGraph(nodes=chain))) == list(range(1, MOST_DEPTHS + 1))


def test_every_colour_of_the_pictures_has_its_dark_one_in_the_style() -> None:
    """The page's variables are the palette's."""
    ((_, style),) = _Elements(render_page(content())).of("style")
    for light, dark in DARK.items():
        assert f"--p-{light[1:]}:{light};" in style
        assert f"--p-{light[1:]}:{dark};" in style


@pytest.mark.parametrize("kind", ["js", "css"])
def test_every_asset_is_in_the_page(kind) -> None:
    """No file is forgotten in the list, and none is without use."""
    html = render_page(content())
    for asset in (files("modelviz_callbacks.draw.page") / "assets" / kind).iterdir():
        assert asset.read_text("utf-8") in html, asset.name
