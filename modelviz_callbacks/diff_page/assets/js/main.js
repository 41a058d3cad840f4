/** Both diagrams, the list of changes, and the depth of both. */
class DiffPage {
  constructor(facts) {
    this.facts = facts;
    this.sides = facts.sides.map((side, place) => new Side(side, place, (thing) => this.selected(place, thing)));
    this.changes = new Changes(facts, (place) => this.goTo(place));
    this.depths = facts.depths.filter((depth) => this.sides.some((side) => side.depths.includes(depth)));
  }

  async fill(main) {
    const kinds = new Set(this.facts.changes.map((change) => change.kind));
    main.append(
      element("div", { class: "bar-of-tools" }, this.slider(), legend(kinds)),
      element("div", { class: "both" }, this.changes.root, this.sides.map((side) => this.section(side))),
    );
    for (const side of this.sides) if (side.depths.length > 0) side.mount();
    await this.setDepth(this.facts.depth);
  }

  section(side) {
    const { name, created_at: date } = side.facts;
    const title = element(
      "h2",
      { class: "side-title", title: name },
      element("span", { class: "which" }, SIDES[side.place]),
      element("bdi", null, name),
      date && element("span", { class: "faint small" }, timeText(date)),
    );
    const absent = element("p", { class: "absent" }, "This diagram was not drawn; the notes above say why.");
    return element("section", { class: "side", "aria-label": SIDES[side.place] }, title, side.depths.length > 0 ? side.root : absent);
  }

  slider() {
    this.input = element("input", {
      type: "range",
      id: "depth",
      min: 0,
      max: Math.max(0, this.depths.length - 1),
      step: 1,
      oninput: () => this.setDepth(this.depths[Number(this.input.value)]),
    });
    this.output = element("output", { for: "depth" });
    return element(
      "div",
      { class: "depth", hidden: this.depths.length < 2 },
      element("label", { for: "depth" }, "Depth"),
      this.input,
      this.output,
    );
  }

  async setDepth(depth) {
    if (this.depths.length === 0) return;
    const shown = this.depths.filter((one) => one <= depth).at(-1) ?? this.depths[0];
    this.input.value = this.depths.indexOf(shown);
    this.input.setAttribute("aria-valuetext", `${shown} of ${this.depths.at(-1)}`);
    this.output.textContent = `${shown} / ${this.depths.at(-1)}`;
    await Promise.all(this.sides.map((side) => side.showDepth(shown)));
  }

  /** Goes to both ends of a change: paths in the old and the new one, or ids of nodes. */
  async goTo(place) {
    const things = this.sides.map((side, at) => thingOf(side.calledPath(place[at]), place[2 + at]));
    const depth = Math.max(...this.sides.map((side, at) => side.depthFor(things[at])));
    if (this.sides.some((side) => side.depth !== null && side.depth < depth)) await this.setDepth(depth);
    const boxes = [];
    for (const [at, side] of this.sides.entries()) boxes.push(await side.show(things[at]));
    this.tell(things, boxes);
  }

  /** A box was clicked: its counterpart is shown as well. */
  async selected(at, thing) {
    const other = this.counterpart(at, thing.path);
    const shown = thingOf(this.sides[1 - at].calledPath(other));
    const things = at === 0 ? [thing, shown] : [shown, thing];
    const boxes = [null, null];
    boxes[at] = this.sides[at].find(thing);
    boxes[1 - at] = await this.sides[1 - at].show(things[1 - at]);
    this.tell(things, boxes);
  }

  /** The path of the same module on the other side, or null. */
  counterpart(at, path) {
    if (path == null) return null;
    const { modules, others } = this.sides[at].marks;
    const isAlone = (modules.get(path) ?? []).some(([kind]) => kind === "added" || kind === "removed");
    const other = others.get(path) ?? path;
    return !isAlone && this.sides[1 - at].architecture.modules.has(other) ? other : null;
  }

  tell(things, boxes) {
    const lines = this.sides.map((side, at) => aboutThing(side, things[at], boxes[at]));
    this.changes.tell(lines);
  }
}

function thingOf(path, node) {
  if (path != null) return { path, node: null };
  return node == null ? null : { path: null, node };
}

/** What is known of one end of a change, in a few lines. */
function aboutThing(side, thing, box) {
  const which = element("strong", null, `${SIDES[side.place]}: `);
  if (!thing) return element("p", { class: "faint" }, which, "not there");
  const { architecture } = side;
  const node = architecture.nodes.get(thing.node);
  const name = thing.path != null ? thing.path || "the model itself" : (node?.name ?? "");
  const module = architecture.modules.get(thing.path);
  const { modules, nodes } = side.marks;
  const marks = (thing.path != null ? modules.get(thing.path) : nodes.get(String(thing.node))) ?? [];
  const said = marks.map(([kind, text]) => element("li", null, kindSign(kind), text));
  const told = box && side.told(box);
  return element(
    "div",
    null,
    element("p", null, which, element("bdi", null, name), module && element("span", { class: "faint" }, ` ${shortClass(module.class)}`)),
    said.length > 0 && element("ul", null, said),
    side.depth !== null && element("p", { class: "faint small" }, whereText(side, thing, box, told)),
  );
}

function whereText(side, thing, box, told) {
  if (thing.path != null && !side.architecture.firstCall(thing.path)) return "Never called in the first step: it has no box.";
  if (!box) return "Not in this diagram.";
  const words = told ? ` – ${markedWords(told)}` : "";
  return side.isOwn(box, thing) ? `Its box${words}` : `Inside ${boxLabel(box, side.architecture)}${words}`;
}

async function start() {
  const facts = JSON.parse(await unpack("facts"));
  const page = new DiffPage(facts);
  fillHead(document.getElementById("overview"), facts, new ThemeButton());
  const notes = facts.notes.map((line) => ({ level: "note", title: sentence(line), lines: [sentence(line)], paths: [] }));
  fillWarnings(document.getElementById("warnings"), notes, null);
  await page.fill(document.getElementById("panels"));
  new Printing(facts, page.sides);
}

begin(start);
