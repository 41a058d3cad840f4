"""Every file name of a record."""

import re
from dataclasses import dataclass

_UNSAFE = re.compile(r"[^\w.\-]+", re.ASCII)
_MAX_NAME = 80


@dataclass(frozen=True)
class RecordLayout:
    """Names of a record's files, relative to its folder.

    Attributes:
        manifest: What is in the record, and how it went.
        graph: What was seen in the first step.
        page: All of it, to look at.
        errors: The folder of tracebacks.
    """

    manifest: str = "manifest.json"
    graph: str = "architecture.json"
    page: str = "index.html"
    errors: str = "errors"

    def text(self, folder: str, artifact: str) -> str:
        """Names a text artifact's file."""
        return _inside(folder, f"{artifact}.txt")

    def dot(self, folder: str, artifact: str) -> str:
        """Names a graph's DOT source."""
        return _inside(folder, f"{artifact}.gv")

    def picture(self, folder: str, artifact: str, suffix: str, sheet: int = 1) -> str:
        """Names a picture, or one of its sheets; `suffix` is its format, like `"png"`."""
        return _inside(folder, f"{numbered(artifact, sheet)}.{suffix}")

    def error(self, name: str) -> str:
        """Names a traceback's file."""
        return _inside(self.errors, f"{safe_name(name)}.txt")


LAYOUT = RecordLayout()


def record_folder_name(number: int) -> str:
    """Names the record's folder in a run directory: `architecture`, `architecture-2`, …."""
    return numbered("architecture", number)


def root_folder_names(paths: list[str]) -> dict[str, str]:
    """Names the subfolder of each root call.

    Args:
        paths: The roots' module paths, each once.

    Returns:
        A folder for each path: `""` (the record's own folder) for a single root, else names that
        are safe on every file system and differ from each other.
    """
    if len(paths) == 1:
        return {paths[0]: ""}
    folders: dict[str, str] = {}
    # Some file systems do not tell "Net" from "net".
    taken = {LAYOUT.errors, LAYOUT.page}
    for path in paths:
        name = safe_name(path or "model")
        candidate, number = name, 2
        while candidate.lower() in taken:
            candidate, number = f"{name}-{number}", number + 1
        taken.add(candidate.lower())
        folders[path] = candidate
    return folders


def numbered(name: str, number: int) -> str:
    """Names the first, the second, … of something: `name`, `name-2`, …."""
    return name if number == 1 else f"{name}-{number}"


def safe_name(name: str) -> str:
    """Makes a file name of any text: letters, digits, `.`, `-` and `_`, never `.` or `..`."""
    return _UNSAFE.sub("_", name).strip(".")[:_MAX_NAME] or "_"


def _inside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
