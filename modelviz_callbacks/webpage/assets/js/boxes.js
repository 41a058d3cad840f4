const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
// Sideways counts more than ahead, so that a column is followed.
const SIDEWAYS = 2.5;

/** The boxes of one drawn diagram: what they are called, which is next, what they are connected to. */
class Boxes {
  constructor(geometry, view, architecture) {
    this.geometry = geometry;
    this.view = view;
    this.elements = new Map();
    this.edges = [];
    this.edgesOf = new Map();
    for (const group of geometry.groups) {
      const box = view.byElement.get(group.id);
      if (box) this.add(group, box, architecture);
      else if (/^e\d+-\d+$/.test(group.id)) this.addEdge(group);
    }
  }

  add(group, box, architecture) {
    this.elements.set(box.element, group);
    group.setAttribute("role", "button");
    group.setAttribute("tabindex", "-1");
    group.setAttribute("aria-label", boxLabel(box, architecture));
    group.classList.add("box");
  }

  addEdge(group) {
    const [source, target] = group.id.slice(1).split("-");
    const edge = { group, source: `n${source}`, target: `n${target}` };
    this.edges.push(edge);
    for (const end of [edge.source, edge.target])
      this.edgesOf.set(end, [...(this.edgesOf.get(end) ?? []), edge]);
  }

  /** The boxes that feed one, and those that it feeds. */
  neighbours(box) {
    const isIn = (id) => this.isWithin(this.view.byElement.get(id), box);
    const candidates = box.isContainer ? this.edges : (this.edgesOf.get(box.element) ?? []);
    const across = candidates.filter((edge) => isIn(edge.source) !== isIn(edge.target));
    const named = (ids) => [...new Set(ids)].map((id) => this.view.byElement.get(id)).filter(Boolean);
    return {
      sources: named(across.filter((edge) => isIn(edge.target)).map((edge) => edge.source)),
      targets: named(across.filter((edge) => isIn(edge.source)).map((edge) => edge.target)),
      groups: across.map((edge) => edge.group),
    };
  }

  isWithin(inner, outer) {
    for (let box = inner; box; box = box.holder) if (box === outer) return true;
    return false;
  }

  first() {
    return [...this.elements.keys()].find((id) => id.startsWith("n"));
  }

  /** The nearest box in a direction, or none. */
  next(from, key) {
    const [right, down] = DIRECTIONS[key];
    const start = this.centre(from);
    let best = null;
    let least = Infinity;
    for (const id of this.elements.keys()) {
      if (id === from || id.startsWith("c")) continue;
      const centre = this.centre(id);
      const [x, y] = [centre.x - start.x, centre.y - start.y];
      const ahead = x * right + y * down;
      if (ahead <= 1) continue;
      const distance = ahead + SIDEWAYS * Math.abs(x * down + y * right);
      if (distance < least) [best, least] = [id, distance];
    }
    return best;
  }

  centre(id) {
    const { x, y, width, height } = this.geometry.of(this.elements.get(id));
    return { x: x + width / 2, y: y + height / 2 };
  }
}

/** What a box is called: for screen readers, and in lists. */
function boxLabel(box, architecture) {
  const node = architecture.nodes.get(box.node);
  if (!node) return `${box.count} times in sequence`;
  if (box.gathered) return `${box.gathered.length} operations, the first of them ${node.name}`;
  const path = (box.paths ?? []).length > 1 ? `${box.paths[0]} … ${box.paths.at(-1)}` : (node.path ?? "");
  const shape = shapeTexts(node.outputs ?? node.inputs);
  const kind = node.kind === "input" || node.kind === "output" ? `${node.kind} ` : "";
  const count = box.count > 1 ? `, ${box.count} times` : "";
  return `${kind}${node.name} ${path}`.trim() + (shape ? `, ${shape}` : "") + count;
}
