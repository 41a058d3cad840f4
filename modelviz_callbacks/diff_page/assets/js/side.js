const SIDES = ["Old", "New"];

/** One of the two diagrams, with what changed marked in it. */
class Side extends Diagram {
  constructor(facts, place, onselect) {
    super(new Architecture(facts), onselect);
    this.place = place;
    this.facts = facts;
    // Not by the names themselves: a module may be called "constructor".
    this.marks = Object.fromEntries(
      Object.entries(facts.marks).map(([kind, found]) => [kind, new Map(Object.entries(found))]),
    );
  }

  async draw(depth) {
    if (!this.drawn.has(depth)) {
      const cleaned = cleanSvg(await unpack(`diagram-${this.place}-${depth}`));
      const view = this.architecture.view(depth);
      const marked = marksOfBoxes(view, this.architecture, this.marks);
      paintMarks(cleaned.geometry, view, marked);
      const boxes = new Boxes(cleaned.geometry, view, this.architecture);
      for (const [id, told] of marked) {
        const group = boxes.elements.get(id);
        group?.setAttribute("aria-label", `${group.getAttribute("aria-label")}: ${markedWords(told)}`);
      }
      this.drawn.set(depth, { ...cleaned, boxes, marked });
    }
    return this.drawn.get(depth);
  }

  get depths() {
    return this.architecture.depths;
  }

  /** Shows the diagram at a depth, or at the nearest one above that was drawn. */
  async showDepth(depth) {
    const nearest = this.depths.filter((one) => one <= depth).at(-1) ?? this.depths[0];
    if (nearest === undefined || nearest === this.depth) return;
    await this.setDepth(nearest, { stay: this.depth !== null && this.chosen !== null });
    const name = `${SIDES[this.place]} diagram at depth ${nearest}`;
    this.frame.setAttribute("aria-label", `${name}. Enter goes to its boxes, arrow keys move, plus, minus and 0 zoom.`);
  }

  /** The least depth, from the present one on, at which a thing has a box of its own. */
  depthFor(thing) {
    return this.depth === null || !thing ? 0 : this.depthOf(thing);
  }

  /** Goes to a thing; the box that it is in, or null. */
  async show(thing) {
    if (this.depth === null) return null;
    if (!thing) {
      this.clear();
      return null;
    }
    this.chosen = thing;
    const box = this.find(thing);
    this.mark(box, { move: true });
    return box;
  }

  /** The path itself, or that of the first called module in one that is never called, like a list. */
  calledPath(path) {
    return path == null ? null : (this.architecture.calledIn(path)[0] ?? path);
  }

  told(box) {
    return this.drawn.get(this.depth)?.marked.get(box.element);
  }
}
