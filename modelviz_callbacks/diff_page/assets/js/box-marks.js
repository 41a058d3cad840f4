const OUTLINES = new Set(["path", "polygon", "ellipse"]);
const BADGE = { height: 16, sign: 12, pad: 4 };
const UNMARKED = "same";

/**
 * What is to be said of each box of a view: how many of the modules that it stands for are marked, and whether something
 * in it is that has no box of its own.
 */
function marksOfBoxes(view, architecture, { modules, nodes }) {
  const found = new Map();
  const of = (box) => {
    if (!found.has(box.element)) found.set(box.element, { all: 0, own: {}, inside: 0, texts: new Set() });
    return found.get(box.element);
  };
  for (const path of architecture.modules.keys()) {
    const box = view.own(path);
    if (box) of(box).all += 1;
  }
  for (const [path, marks] of modules) {
    for (const shown of architecture.calledIn(path)) {
      const box = view.own(shown);
      if (box) markOwn(of(box), marks);
      else markInside(view.holding(shown), of);
    }
  }
  for (const [id, marks] of nodes) {
    const box = view.byNode.get(Number(id));
    if (!box) markInside(view.holdingNode(Number(id)), of);
    else if (box.gathered) of(box).inside += 1;
    else markOwn(of(box), marks, true);
  }
  return new Map([...found].filter(([, told]) => told.inside > 0 || Object.keys(told.own).length > 0));
}

function markOwn(told, marks, isNode) {
  if (isNode) told.all = Math.max(told.all, 1);
  for (const kind of new Set(marks.map(([kind]) => kind))) told.own[kind] = (told.own[kind] ?? 0) + 1;
  for (const [, text] of marks) told.texts.add(text);
}

/** What a closed box holds, or a folded one; an open one shows it. */
function markInside(box, of) {
  if (box && (!box.isContainer || box.count > 1)) of(box).inside += 1;
}

function kindsOf(told) {
  return Object.keys(KINDS).filter((kind) => told.own[kind]);
}

/** The kind that colours a box: what all of it is, or that a part of it is another. */
function colourOf(told) {
  const [first] = kindsOf(told);
  return first && told.own[first] >= told.all ? first : "partly";
}

function markedWords(told) {
  const words = kindsOf(told).map((kind) =>
    told.own[kind] < told.all
      ? `${exactCount(told.own[kind])} of ${exactCount(told.all)} ${KINDS[kind].word}`
      : KINDS[kind].word,
  );
  if (told.inside > 0) words.push(`${exactCount(told.inside)} ${PARTLY.word}`);
  return words.join(", ");
}

/** Paints what changed, and everything else in grey: the families' colours would drown it. */
function paintMarks(geometry, view, found) {
  for (const group of geometry.groups) {
    const box = view.byElement.get(group.id);
    if (box) paintBox(group, box, view, found.get(group.id));
  }
}

function paintBox(group, box, view, told) {
  const outlines = [...group.children].filter((child) => OUTLINES.has(child.localName));
  const front = outlines.find((child) => !child.hasAttribute("transform"));
  if (!front) return;
  const node = view.architecture.nodes.get(box.node);
  const isEnd = node?.kind === "input" || node?.kind === "output";
  if (!told) {
    if (!box.isContainer && !isEnd) colour(front, UNMARKED);
    return;
  }
  const kind = colourOf(told);
  // The text of an end is light, its box stays dark.
  if (isEnd) front.setAttribute("stroke", `var(--m-${kind}-line)`);
  else colour(front, kind);
  // What is in it has colours of its own.
  if (box.isContainer) front.setAttribute("fill", `var(--m-${kind}-ground)`);
  front.setAttribute("stroke-width", "2.6");
  if (kind === "partly") front.setAttribute("stroke-dasharray", "7 3");
  else if (kind === "removed") front.setAttribute("stroke-dasharray", "2 2.5");
  group.append(badge(front, kind, told));
}

function colour(shape, kind) {
  shape.setAttribute("fill", `var(--m-${kind})`);
  shape.setAttribute("stroke", `var(--m-${kind}-line)`);
}

/** The signs of what changed, at the corner of a box. */
function badge(front, kind, told) {
  const signs = [...kindsOf(told).map((name) => KINDS[name].sign), ...(told.inside > 0 ? [PARTLY.sign] : [])];
  const points = pointsOf(front);
  const at = (from) => Math.min(...points.filter((_, place) => place % 2 === from));
  const [x, y] = [at(0) - 5, at(1) - BADGE.height / 2];
  const width = 2 * BADGE.pad + BADGE.sign * signs.length;
  const make = (tag, properties, text = "") => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  };
  const made = make("g", { class: "badge" });
  made.append(
    make("rect", { x, y, width, height: BADGE.height, rx: BADGE.height / 2, fill: `var(--m-${kind}-line)` }),
    make(
      "text",
      { x: x + width / 2, y: y + 12, "text-anchor": "middle", "font-size": 12, "font-weight": "bold", fill: "var(--m-sign)" },
      signs.join(" "),
    ),
  );
  return made;
}
