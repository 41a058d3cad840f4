const NUMBER = /-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/g;

/** Where the groups of a Graphviz picture are, in pixels of its natural size: read, so that nothing is laid out for it. */
class Geometry {
  constructor(svg, scale) {
    this.graph = svg.querySelector("g.graph") ?? svg;
    this.scale = scale;
    this.offset = offsetOf(svg, this.graph);
    this.groups = [...this.graph.children].filter((child) => child.localName === "g");
    this.places = new Map(this.groups.map((group) => [group, this.read(group)]));
  }

  of(group) {
    return this.places.get(group);
  }

  read(group) {
    const bounds = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    for (const shape of group.querySelectorAll("path, polygon, polyline, ellipse, text"))
      include(bounds, pointsOf(shape));
    const { left, top, right, bottom } = bounds;
    if (left > right) return { x: 0, y: 0, width: 0, height: 0 };
    const [x, y] = this.place(left, top);
    return { x, y, width: (right - left) * this.scale, height: (bottom - top) * this.scale };
  }

  /** The ends of a line. */
  ends(group) {
    const points = pointsOf(group.querySelector("path") ?? group);
    return points.length < 4
      ? null
      : [...this.place(points[0], points[1]), ...this.place(points.at(-2), points.at(-1))];
  }

  place(x, y) {
    return [(x + this.offset.x) * this.scale, (y + this.offset.y) * this.scale];
  }
}

function offsetOf(svg, graph) {
  const [left = 0, top = 0] = (svg.getAttribute("viewBox") ?? "").split(/[\s,]+/).map(Number);
  const [, shift = ""] = /translate\(([^)]*)\)/.exec(graph.getAttribute("transform") ?? "") ?? [];
  const [x = 0, y = 0] = (shift.match(NUMBER) ?? []).map(Number);
  return { x: x - left, y: y - top };
}

/** The numbers that a shape is made of, x and y in turns; those of curves lie around them. */
function pointsOf(shape) {
  const number = (name) => Number(shape.getAttribute(name) ?? 0);
  if (shape.localName === "ellipse") {
    const [cx, cy, rx, ry] = ["cx", "cy", "rx", "ry"].map(number);
    return [cx - rx, cy - ry, cx + rx, cy + ry];
  }
  if (shape.localName === "text") return [number("x"), number("y")];
  return (shape.getAttribute("d") ?? shape.getAttribute("points") ?? "").match(NUMBER)?.map(Number) ?? [];
}

function include(bounds, points) {
  for (let at = 0; at + 1 < points.length; at += 2) {
    bounds.left = Math.min(bounds.left, points[at]);
    bounds.right = Math.max(bounds.right, points[at]);
    bounds.top = Math.min(bounds.top, points[at + 1]);
    bounds.bottom = Math.max(bounds.bottom, points[at + 1]);
  }
}
