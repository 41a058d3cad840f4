"""Where records' pages are, seen from the report."""

import os
from urllib.parse import quote

from modelviz_callbacks.archive.layout import LAYOUT
from modelviz_callbacks.archive.places import is_url, relative_to

_MOST_LENGTH = 2_000


class Links:
    """Makes links from the folder that the report lies in."""

    def __init__(self, folder: str) -> None:
        """Makes links from `folder`, a path."""
        self._folder = folder

    def of(self, directory: str) -> tuple[str | None, str | None]:
        """Tells how to come to a record's page.

        Args:
            directory: The record's folder, a path or URL.

        Returns:
            A relative link that holds on every machine that has both, or None; and, where there
            is none, in words where the page is, or None where there is no page.
        """
        if is_url(directory):
            # A browser opens no store, and asking for each page would take a while.
            return None, f"{directory.rstrip('/')}/{LAYOUT.page}"[:_MOST_LENGTH]
        page = os.path.join(directory, LAYOUT.page)  # noqa: PTH118 - ten thousand of them
        if not os.path.isfile(page):  # noqa: PTH113
            return None, None
        relative = relative_to(page, self._folder)
        # A colon or a question mark in a name is no scheme and no query.
        return quote(os.fsencode(relative)), None
