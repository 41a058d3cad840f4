"""The report as one HTML file."""

import base64
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from modelviz_callbacks.webpage.document import (
    BASE_SCRIPTS,
    BASE_SHEETS,
    Design,
    as_facts,
    render_document,
    scripts,
    shared_scripts,
    shared_sheets,
    sheets,
)

_OWN = files("modelviz_callbacks.report") / "assets"
_DESIGN = Design(
    body=_OWN / "report.html",
    sheets=(
        *BASE_SHEETS,
        *shared_sheets("tabs", "rows"),
        *sheets(_OWN, "runs", "architectures", "evolution", "print"),
        *shared_sheets("paper"),
    ),
    scripts=(
        *BASE_SCRIPTS,
        *shared_scripts("tabs", "row-grid", "gradual"),
        *scripts(
            _OWN,
            "archive",
            "runs-model",
            "runs-tab",
            "architectures-tab",
            "chart",
            "evolution-tab",
            "problems-tab",
            "printing",
            "main",
        ),
    ),
)


def render_report(facts: Mapping[str, Any], pictures: Mapping[int, bytes]) -> str:
    """Makes the page.

    Args:
        facts: What `facts_of` tells, with `root`, `made_at` and the `notes` of what is left out.
        pictures: PNG by the place of their architecture.

    Returns:
        HTML.
    """
    packed = {str(at): base64.b64encode(png).decode("ascii") for at, png in pictures.items()}
    blocks = {"facts": as_facts(facts), "thumbnails": as_facts(packed)}
    return render_document(_DESIGN, f"Architectures – {facts['root']}", blocks)
