"""A page as one HTML file: its styles and scripts, the policy that allows only these, its data."""

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from modelviz_callbacks.webpage.style import palette_rules

if TYPE_CHECKING:
    from importlib.abc import Traversable

_SHARED = files("modelviz_callbacks.webpage") / "assets"
_SLOT = re.compile(r"\{\{(\w+)\}\}")
# They would turn the rest of a line around, or not be seen: they are shown as their codes.
_INVISIBLE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
# A browser complains of styles that the page's policy does not know as soon as it reads a picture;
# the page has the same colours in its own. No tag that the engine wrote has a bare < or > in it.
_STYLES = re.compile(r"<style\b[^>]*>.*?</style>", re.DOTALL)
_STYLED = re.compile(r'(<\w[^<>]*?)\sstyle="[^"]*"')


@dataclass(frozen=True)
class Design:
    """What a page is made of besides its data, in the order in which a browser reads it.

    Attributes:
        body: HTML of what is on the page before its scripts fill it.
        sheets: Style sheets.
        scripts: Scripts of ours, which share their names.
        vendored: Scripts of others, before ours.
    """

    body: "Traversable"
    sheets: "tuple[Traversable, ...]"
    scripts: "tuple[Traversable, ...]"
    vendored: "tuple[Traversable, ...]" = ()


PANZOOM = _SHARED / "vendor" / "panzoom" / "panzoom.min.js"


def shared_sheets(*names: str) -> "tuple[Traversable, ...]":
    """Gives style sheets that several pages have."""
    return sheets(_SHARED, *names)


def shared_scripts(*names: str) -> "tuple[Traversable, ...]":
    """Gives scripts that several pages have."""
    return scripts(_SHARED, *names)


def sheets(assets: "Traversable", *names: str) -> "tuple[Traversable, ...]":
    """Gives style sheets of one page."""
    return tuple(assets / "css" / f"{name}.css" for name in names)


def scripts(assets: "Traversable", *names: str) -> "tuple[Traversable, ...]":
    """Gives scripts of one page."""
    return tuple(assets / "js" / f"{name}.js" for name in names)


# What every page has, in the order in which a browser reads it; then what shows a diagram.
BASE_SHEETS = shared_sheets("base", "controls", "overview", "warnings")
BASE_SCRIPTS = shared_scripts(
    "dom", "begin", "paper", "format", "blocks", "theme", "outcome", "warnings"
)
DIAGRAM_SCRIPTS = shared_scripts(
    "architecture",
    "geometry",
    "clean-svg",
    "large-drawing",
    "viewport",
    "picture",
    "boxes",
    "diagram",
)


def render_document(design: Design, title: str, blocks: Mapping[str, str]) -> str:
    """Puts a page together.

    Args:
        design: What it is made of.
        title: Its title; any text.
        blocks: Its data by name, which its scripts unpack and show as text.

    Returns:
        HTML, the same for the same content. Data is in compressed blocks, in which no letter is
        one of HTML's; the page's policy runs no other scripts than its own, and loads nothing.
    """
    style = "\n".join((*map(_read, design.sheets), palette_rules()))
    programs = [*map(_read, design.vendored), _joined(design.scripts)]
    slots = {
        "policy": _policy(style, programs),
        "title": html.escape(_INVISIBLE.sub("\ufffd", title)),
        "style": style,
        "body": _read(design.body),
        "blocks": "\n".join(_blocks(blocks)),
        "scripts": "\n".join(f"<script>{program}</script>" for program in programs),
    }
    return _SLOT.sub(lambda match: slots[match[1]], _read(_SHARED / "frame.html"))


def as_facts(content: Mapping[str, Any]) -> str:
    """Gives plain data as JSON for a page's scripts, with nothing in it that cannot be seen."""
    written = json.dumps(content, ensure_ascii=False, default=vars, separators=(",", ":"))
    return _INVISIBLE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", written)


def as_picture(svg: str) -> str:
    """Gives a picture for a page, which brings the colours itself."""
    return _STYLED.sub(r"\1", _STYLES.sub("", svg))


def _read(asset: "Traversable") -> str:
    return asset.read_text(encoding="utf-8")


def _joined(scripts: "tuple[Traversable, ...]") -> str:
    parts = "\n".join(map(_read, scripts))
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def _policy(style: str, programs: list[str]) -> str:
    """Allows what is in the page by its hash, and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, programs))}",
            f"style-src {_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _blocks(blocks: Mapping[str, str]) -> Iterator[str]:
    for name, text in blocks.items():
        packed = zlib.compress(text.encode("utf-8", "backslashreplace"), 9)
        # base64 has no letter that HTML would take for its own.
        letters = base64.b64encode(packed).decode()
        yield f'<script type="application/octet-stream" id="block-{name}">{letters}</script>'
