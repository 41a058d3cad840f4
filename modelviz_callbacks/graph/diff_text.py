"""A diff in words: a line for each kind of change, however many changes there are."""

from modelviz_callbacks.graph.diff import GraphDiff
from modelviz_callbacks.graph.diff_items import DiffItem, ItemKind, diff_items
from modelviz_callbacks.graph.plain_text import first_of

_HEADINGS: dict[ItemKind, str] = {
    "added": "added",
    "removed": "removed",
    "moved": "moved or renamed",
    "changed": "reconfigured",
    "trained": "trained now, and not before",
    "frozen": "not trained any more",
    "skip added": "skip connections added",
    "skip removed": "skip connections removed",
    "connection": "connected otherwise in the first step",
    "flow added": "more in the first step",
    "flow removed": "no more in the first step",
    "flow changed": "more or less often in the first step",
}


def describe_diff(diff: GraphDiff, most: int) -> tuple[str, ...]:
    """Puts a diff into words.

    Args:
        diff: What is another.
        most: How many things a line names before it counts the rest.

    Returns:
        Lines like `"reconfigured: net.conv1 with kernel_size (3, 3) → (5, 5)"`; none if nothing
        is another.
    """
    kinds: dict[ItemKind, list[str]] = {}
    for item in diff_items(diff):
        kinds.setdefault(item.kind, []).append(_words(item))
    return tuple(_line(kind, words, most) for kind, words in kinds.items())


def _line(kind: ItemKind, words: list[str], most: int) -> str:
    heading = f"{_HEADINGS[kind]}: " if kind in _HEADINGS else ""
    return f"{heading}{first_of(words, most, '; ')}"


def _words(item: DiffItem) -> str:
    if item.kind == "changed":
        return f"{item.subject} with {item.detail}"
    if item.kind == "moved":
        return item.subject
    if item.kind == "connection":
        return f"{item.subject} {item.detail}"
    if item.kind.startswith("skip"):
        return f"in {item.subject} {item.detail}"
    return f"{item.subject} ({item.detail})" if item.detail else item.subject
