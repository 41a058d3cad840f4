/** The first tab: search, depth, the diagram, the module tree beside it, and the details. */
class DiagramTab {
  constructor(architecture, details) {
    this.architecture = architecture;
    this.details = details;
    this.diagram = new Diagram(architecture, (thing, box) => this.selected(thing, box));
    this.search = new Search(architecture, (thing) => this.goTo(thing));
    this.tree = new TreeGrid(architecture, treeColumns(architecture), {
      label: "Module tree",
      onchoose: (path) => this.goTo({ path, node: null }),
    });
  }

  async fill(panel) {
    const { depths, facts } = this.architecture;
    this.treeSwitch = button("☰ Modules", () => this.showTree(this.tree.root.hidden), {
      class: "tool",
      "aria-pressed": "true",
    });
    panel.append(
      element(
        "div",
        { class: "bar-of-tools" },
        this.treeSwitch,
        this.search.root,
        depths.length > 0 && this.slider(depths),
      ),
      (this.split = element(
        "div",
        { class: "split" },
        this.tree.root,
        depths.length > 0 ? this.diagram.root : absence(facts, "architecture", "diagram"),
      )),
    );
    this.shown();
    this.showTree(matchMedia("(min-width: 60rem)").matches);
    if (depths.length === 0) return;
    this.diagram.mount();
    this.diagram.ondepth = (depth) => this.depthShown(depth);
    const first = depths.includes(facts.depth)
      ? facts.depth
      : (depths.filter((depth) => depth < facts.depth).at(-1) ?? depths[0]);
    await this.diagram.setDepth(first);
    this.showFailure();
  }

  /** The details are in whichever tab is shown. */
  shown() {
    this.split.append(this.details.root);
    this.details.onclose = () => this.closed();
    this.details.onbox = (box) =>
      this.diagram.boxes.elements.has(box.element) && this.goTo(this.diagram.thing(box));
  }

  slider(depths) {
    this.input = element("input", {
      type: "range",
      id: "depth",
      min: 0,
      max: depths.length - 1,
      step: 1,
      oninput: () => this.diagram.setDepth(depths[Number(this.input.value)]),
    });
    this.output = element("output", { for: "depth" });
    return element(
      "div",
      { class: "depth", hidden: depths.length === 1 },
      element("label", { for: "depth" }, "Depth"),
      this.input,
      this.output,
    );
  }

  depthShown(depth) {
    const { depths } = this.architecture;
    this.input.value = depths.indexOf(depth);
    this.input.setAttribute("aria-valuetext", `${depth} of ${depths.at(-1)}`);
    this.output.textContent = `${depth} / ${depths.at(-1)}`;
  }

  showTree(shown) {
    this.tree.root.hidden = !shown;
    this.treeSwitch.setAttribute("aria-pressed", shown);
  }

  /** Begins where the step stopped. */
  showFailure() {
    const failure = this.architecture.facts.failure;
    if (failure?.node == null) return;
    const box = this.diagram.boxes.view.holdingNode(failure.node);
    if (box) this.diagram.viewport.moveTo(this.diagram.boxes.elements.get(box.element));
  }

  async goTo(thing) {
    const before = this.diagram.depth;
    const found = this.architecture.depths.length > 0 ? await this.diagram.reveal(thing) : {};
    const name = thing.path ?? this.architecture.nodes.get(thing.node)?.name ?? "";
    if (!found.box) {
      this.details.show(thing, null, null);
      this.tree.choose(thing.path);
      announce(`${name}: not in the diagram`);
      return;
    }
    const raised = found.depth !== before ? `, depth ${found.depth}` : "";
    announce(
      found.own ? `${name}${raised}` : `${name} is inside ${boxLabel(found.box, this.architecture)}${raised}`,
    );
  }

  selected(thing, box) {
    this.details.show(thing, box, this.diagram.boxes);
    this.tree.choose(thing.path ?? this.holderPath(thing));
  }

  holderPath(thing) {
    const node = this.architecture.nodes.get(thing.node);
    const within = this.architecture.nodes.get(node?.parent);
    return within ? (within.path ?? "") : null;
  }

  closed() {
    const from = this.diagram.roving;
    this.diagram.clear();
    this.tree.choose(null);
    this.diagram.focusBox(from);
  }
}
