"""What all pages share, as it is installed."""

import re
from importlib.resources import files


def test_the_vendored_library_has_its_licence_and_version_beside_it() -> None:
    """In the installed package, where wheels lose files first."""
    folder = files("modelviz_callbacks.webpage") / "assets" / "vendor" / "panzoom"
    script = (folder / "panzoom.min.js").read_text("utf-8")
    (version,) = re.findall(r"Panzoom (\d+\.\d+\.\d+)", script)
    assert version in (folder / "README.md").read_text("utf-8")
    assert "Permission is hereby granted" in (folder / "MIT-License.txt").read_text("utf-8")
