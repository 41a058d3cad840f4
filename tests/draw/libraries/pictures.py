"""Looking into the DOT of a picture: what is drawn, in which boxes, with which words."""

import html
import re
from collections import Counter

from modelviz_callbacks.diagram import palette
from modelviz_callbacks.draw.libraries.dot_content import DotContent, DotNode, read_dot

_TAG = re.compile(r"<[^<>]*>")
_COLOUR = re.compile(r'(?:color|COLOR|fill|BGCOLOR)="?(#[0-9a-fA-F]{6})')


class Picture:
    """A picture's DOT, read again by Graphviz."""

    def __init__(self, dot: str) -> None:
        self.dot = dot
        self.content: DotContent = read_dot(dot)
        self.labels = {
            node.name: text(node.label)
            for node in self.content.nodes
            if not node.name.startswith("room_")
        }
        self.titles = {cluster.name: text(cluster.label) for cluster in self.content.clusters}
        self.lines = [
            (edge.tail, edge.head) for edge in self.content.edges if edge.style != "invis"
        ]

    def named(self, name: str) -> str:
        """Gives the only box with this word on it."""
        (found,) = [box for box, label in self.labels.items() if name in label.split()]
        return found

    def around(self, name: str) -> list[str]:
        """Gives the titles around the only box with this word on it, from the inside."""
        (node,) = [node for node in self.content.nodes if node.name == self.named(name)]
        return self.around_node(node)

    def around_node(self, node: DotNode) -> list[str]:
        """Gives the titles around a box, from the inside."""
        clusters = {cluster.name: cluster for cluster in self.content.clusters}
        titles, cluster = [], node.cluster
        while cluster is not None:
            titles.append(self.titles[cluster])
            cluster = clusters[cluster].parent
        return titles

    def joins(self, one: str, two: str) -> bool:
        """Whether a line runs between the only boxes with these words on them."""
        return (self.named(one), self.named(two)) in self.lines

    def foreign_colours(self) -> set[str]:
        """Gives the colours that a dark page would not know."""
        known = {colour.lower() for colour in palette.DARK}
        return {colour.lower() for colour in _COLOUR.findall(self.dot)} - known


def text(label: str) -> str:
    """Gives the words of an HTML-like label."""
    return " ".join(html.unescape(_TAG.sub(" ", label)).split())


def words(labels: list[str]) -> Counter[str]:
    """Counts what is written, whatever stands between."""
    return Counter(re.findall(r"\w+", " ".join(labels)))
