/** What is known of the model: modules, calls, and which box of a diagram stands for what. */
class Architecture {
  constructor(facts) {
    this.facts = facts;
    this.modules = new Map(facts.modules.map((module) => [module.path ?? "", module]));
    this.nodes = new Map(facts.nodes.map((node) => [node.id, node]));
    this.calls = new Map();
    for (const node of facts.nodes) {
      if (node.kind !== "module") continue;
      const path = node.path ?? "";
      if (!this.calls.has(path)) this.calls.set(path, []);
      this.calls.get(path).push(node);
    }
    this.children = new Map();
    for (const path of this.modules.keys()) {
      if (path === "") continue;
      const parent = this.parentPath(path);
      if (!this.children.has(parent)) this.children.set(parent, []);
      this.children.get(parent).push(path);
    }
    this.depths = Object.keys(facts.views)
      .map(Number)
      .sort((a, b) => a - b);
    this.views = new Map();
    this.whole = facts.manifest?.totals ?? {};
  }

  /** The boxes of the diagram at a depth. */
  view(depth) {
    if (!this.views.has(depth)) this.views.set(depth, new BoxView(this, this.facts.views[depth] ?? []));
    return this.views.get(depth);
  }

  family(module) {
    return this.facts.families[module?.family ?? this.facts.families.length - 1];
  }

  /** The first call of a module, under whichever of its paths. */
  firstCall(path) {
    const module = this.modules.get(path);
    return (this.calls.get(path) ?? this.calls.get(module?.tied_to ?? "\0") ?? [])[0];
  }

  parentPath(path) {
    return path === "" ? null : path.slice(0, Math.max(0, path.lastIndexOf(".")));
  }

  /** A module that is called, or, of one that only holds others, the outermost ones in it that are. */
  calledIn(path) {
    if (this.firstCall(path)) return [path];
    return (this.children.get(path) ?? []).flatMap((child) => this.calledIn(child));
  }
}

/** The boxes of one diagram, by the modules and calls that they stand for. */
class BoxView {
  constructor(architecture, boxes) {
    this.architecture = architecture;
    this.byElement = new Map();
    this.byPath = new Map();
    this.byNode = new Map();
    boxes.forEach((box) => this.add(box, null));
  }

  add(box, holder) {
    const isContainer = (box.boxes ?? []).length > 0;
    const entry = { ...box, holder, isContainer, element: `${isContainer ? "c" : "n"}${box.id}` };
    this.byElement.set(entry.element, entry);
    if (box.node != null) {
      for (const id of box.gathered ?? [box.node]) this.byNode.set(id, entry);
      const node = this.architecture.nodes.get(box.node);
      const paths = node?.kind === "module" ? (box.paths ?? [node.path ?? ""]) : [];
      for (const path of paths) if (!this.byPath.has(path)) this.byPath.set(path, entry);
    }
    (box.boxes ?? []).forEach((inner) => this.add(inner, entry));
  }

  /** The box of a module itself: its own, or the one at its place in the first of equal blocks. */
  own(path) {
    if (this.byPath.has(path)) return this.byPath.get(path);
    for (let at = this.architecture.parentPath(path); at != null; at = this.architecture.parentPath(at)) {
      const first = this.byPath.get(at)?.paths?.[0];
      if (first !== undefined && first !== at) return this.own(first + path.slice(at.length));
    }
    return null;
  }

  /** The box of a module itself, or the closed one that holds it. */
  holding(path) {
    for (let at = path; at != null; at = this.architecture.parentPath(at)) {
      const box = this.own(at);
      if (box) return box;
    }
    return null;
  }

  /** The box in which a call or operation is drawn. */
  holdingNode(id) {
    for (let node = this.architecture.nodes.get(id); node; node = this.architecture.nodes.get(node.parent)) {
      const box = this.byNode.get(node.id) ?? (node.kind === "module" ? this.own(node.path ?? "") : null);
      if (box) return box;
    }
    return null;
  }
}
