/** Our diagram: its depth, the chosen box, and moving among boxes. */
class Diagram extends Picture {
  constructor(architecture, onselect) {
    super("Diagram. Tab or Enter goes to its boxes, arrow keys move, plus, minus and 0 zoom.");
    this.architecture = architecture;
    this.onselect = onselect;
    this.drawn = new Map();
    this.depth = null;
    this.chosen = null;
    this.frame.addEventListener("pointerdown", (event) => (this.pressed = [event.clientX, event.clientY]));
    this.frame.addEventListener("click", (event) => this.click(event));
    this.frame.addEventListener("focusin", (event) => this.focused(event.target.closest?.(".box")));
  }

  async setDepth(depth, { stay = false } = {}) {
    this.depth = depth;
    const drawn = await this.draw(depth);
    if (this.depth !== depth) return;
    this.boxes = drawn.boxes;
    this.viewport.show(drawn);
    this.frame.setAttribute(
      "aria-label",
      `Diagram at depth ${depth}. Enter goes to its boxes, arrow keys move, plus, minus and 0 zoom.`,
    );
    this.rove(this.boxes.first());
    if (!stay) this.viewport.home();
    if (this.chosen) this.mark(this.find(this.chosen), { move: !stay });
    this.ondepth?.(depth);
  }

  async draw(depth) {
    if (!this.drawn.has(depth)) {
      const cleaned = cleanSvg(await unpack(`diagram-${depth}`));
      const view = this.architecture.view(depth);
      this.drawn.set(depth, { ...cleaned, boxes: new Boxes(cleaned.geometry, view, this.architecture) });
    }
    return this.drawn.get(depth);
  }

  /** The box of a thing at the present depth: its own, or the one that holds it. */
  find(thing) {
    const view = this.boxes.view;
    return thing.node != null && thing.path == null ? view.holdingNode(thing.node) : view.holding(thing.path);
  }

  /** Goes to a thing, at a greater depth if only there it has a box of its own. */
  async reveal(thing) {
    const depth = this.depthOf(thing);
    this.chosen = thing;
    if (depth !== this.depth) await this.setDepth(depth, { stay: true });
    const box = this.find(thing);
    if (!box) return { box: null, depth };
    // First the details: they take room from the picture.
    this.onselect(thing, box);
    this.mark(box, { move: true });
    return { box, depth, own: this.isOwn(box, thing) };
  }

  depthOf(thing) {
    const shown = (depth) => {
      const view = this.architecture.view(depth);
      return thing.node != null && thing.path == null
        ? view.byNode.has(thing.node)
        : view.own(thing.path) != null;
    };
    if (shown(this.depth)) return this.depth;
    const { depths } = this.architecture;
    return depths.filter((depth) => depth > this.depth).find(shown) ?? this.depth;
  }

  isOwn(box, thing) {
    return thing.path != null ? this.boxes.view.own(thing.path) === box : box.node === thing.node;
  }

  click(event) {
    const [x, y] = this.pressed ?? [event.clientX, event.clientY];
    if (Math.hypot(event.clientX - x, event.clientY - y) > 5) return;
    const group = this.viewport.boxAt(event);
    if (group) this.choose(group.id);
  }

  choose(id) {
    const box = this.boxes.view.byElement.get(id);
    if (!box) return;
    this.chosen = this.thing(box);
    this.onselect(this.chosen, box);
    this.mark(box, { move: false });
    this.viewport.moveTo(this.boxes.elements.get(id), { gently: true });
  }

  thing(box) {
    const node = this.architecture.nodes.get(box.node);
    return node?.kind === "module"
      ? { path: node.path ?? "", node: node.id }
      : { path: null, node: box.node ?? box.id };
  }

  clear() {
    this.chosen = null;
    this.unmark();
  }

  mark(box, { move }) {
    this.unmark();
    const group = box && this.boxes.elements.get(box.element);
    if (!group) return;
    group.classList.add("chosen");
    group.setAttribute("aria-pressed", "true");
    const { groups } = this.boxes.neighbours(box);
    groups.forEach((edge) => edge.classList.add("chosen"));
    this.marked = [group, ...groups];
    this.rove(box.element);
    if (move) this.viewport.moveTo(group);
  }

  unmark() {
    for (const group of this.marked ?? []) {
      group.classList.remove("chosen");
      group.removeAttribute("aria-pressed");
    }
    this.marked = [];
  }

  // One box at a time takes part in the order of the Tab key.

  rove(id) {
    this.boxes.elements.get(this.roving)?.setAttribute("tabindex", "-1");
    this.roving = id;
    this.boxes.elements.get(id)?.setAttribute("tabindex", "0");
  }

  focusBox(id) {
    const group = this.boxes.elements.get(id);
    if (!group) return;
    this.viewport.moveTo(group, { gently: true });
    group.focus({ preventScroll: true });
  }

  focused(group) {
    if (!group) return;
    this.rove(group.id);
    this.viewport.moveTo(group, { gently: true });
  }

  actions() {
    const enter = () => this.focusBox(this.roving);
    const active = document.activeElement?.closest?.(".box");
    if (!active) return { ...super.actions(), Enter: enter };
    const move = (key) => () => {
      const next = this.boxes.next(active.id, key);
      if (next) this.focusBox(next);
    };
    const arrows = Object.fromEntries(Object.keys(DIRECTIONS).map((key) => [key, move(key)]));
    const choose = () => this.choose(active.id);
    const leave = () => this.frame.focus();
    return { ...super.actions(), ...arrows, Enter: choose, " ": choose, Escape: leave };
  }
}
