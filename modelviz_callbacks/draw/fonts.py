"""The font that is always there: it measures the text in the layout and paints it."""

from pathlib import Path

FAMILY = "Roboto"
# For whoever opens the SVG without this font.
FAMILY_STACK = f"{FAMILY}, Helvetica, Arial, sans-serif"
_FACES = ("Regular", "Bold", "Italic", "BoldItalic")

# The system's own fonts, where there are any, serve letters that Roboto lacks. Whatever font a
# label asks for is measured as Roboto, because Roboto is what it is painted with.
_FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <edit name="family" mode="prepend" binding="strong"><string>{family}</string></edit>
  </match>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


def font_folder() -> Path:
    """Gives the folder of the font files that the font-roboto package brings."""
    import font_roboto

    return Path(str(font_roboto.__file__)).parent / "files"


def font_files() -> list[str]:
    """Gives the font files to paint with."""
    return [str(font_folder() / f"{FAMILY}-{face}.ttf") for face in _FACES]


def write_fontconfig(folder: Path) -> Path:
    """Writes a fontconfig configuration: a slim image has none, and no font.

    Args:
        folder: Where it and its cache go.

    Returns:
        The file, for `FONTCONFIG_FILE`.
    """
    file = folder / "fonts.conf"
    content = _FONTCONFIG.format(fonts=font_folder(), family=FAMILY, cache=folder / "fontcache")
    file.write_text(content, encoding="utf-8")
    return file
