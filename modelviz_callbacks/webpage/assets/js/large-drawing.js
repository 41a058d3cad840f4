// From so many groups on, a browser takes longer than a frame to paint them.
const MANY = 1000;
const MOST_SHOWN = 700;
const CELL_PX = 600;
const MOST_CELLS = 60;
const AROUND = 0.3;
// From further away lines are shorter than they are wide.
const WITH_LINES = 0.08;

/**
 * A picture of thousands of groups. Near by, only those in sight are in the document; from afar, where nothing could
 * be read, boxes and lines are painted on a canvas.
 */
class LargeDrawing {
  constructor(frame, geometry) {
    this.frame = frame;
    this.geometry = geometry;
    this.order = new Map(geometry.groups.map((group, place) => [group, place]));
    this.cells = new Map();
    this.everywhere = [];
    this.shown = new Set();
    this.covered = null;
    geometry.groups.forEach((group) => this.sort(group));
    geometry.graph.replaceChildren(...[...geometry.graph.children].filter((child) => !this.order.has(child)));
    this.canvas = element("canvas", { class: "afar", "aria-hidden": "true" });
    this.boxes = geometry.groups
      .filter((group) => group.classList.contains("box"))
      .map((group) => this.painted(group));
    this.lines = geometry.groups
      .filter((group) => /^e\d/.test(group.id))
      .map((group) => geometry.ends(group))
      .filter(Boolean);
  }

  sort(group) {
    const names = [...cellsOf(this.geometry.of(group))];
    if (names.length > MOST_CELLS) this.everywhere.push(group);
    else for (const name of names) this.cells.set(name, [...(this.cells.get(name) ?? []), group]);
  }

  painted(group) {
    const shape = group.querySelector("path, polygon, ellipse");
    return {
      group,
      place: this.geometry.of(group),
      fill: shape?.getAttribute("fill"),
      stroke: shape?.getAttribute("stroke"),
    };
  }

  /** Shows what is to be seen in a window on the picture. */
  update(seen, scale) {
    const wide = {
      x: seen.x - seen.width * AROUND,
      y: seen.y - seen.height * AROUND,
      width: seen.width * (1 + 2 * AROUND),
      height: seen.height * (1 + 2 * AROUND),
    };
    if (this.covered && !this.isAfar && holds(this.covered, seen) && this.covered.width < 4 * seen.width)
      return;
    const found = this.within(wide);
    this.isAfar = found.size > MOST_SHOWN && this.within(seen).size > MOST_SHOWN;
    this.covered = found.size > MOST_SHOWN ? seen : wide;
    this.attach(this.isAfar ? new Set() : found.size > MOST_SHOWN ? this.within(seen) : found);
    this.paint(seen, scale);
  }

  within(window) {
    const found = new Set(this.everywhere.filter((group) => overlap(this.geometry.of(group), window)));
    for (const name of cellsOf(window)) {
      for (const group of this.cells.get(name) ?? [])
        if (overlap(this.geometry.of(group), window)) found.add(group);
      if (found.size > 4 * MOST_SHOWN) break;
    }
    return found;
  }

  attach(wanted) {
    const focused = document.activeElement?.closest?.(".box");
    if (focused && this.order.has(focused)) wanted.add(focused);
    for (const group of this.shown) if (!wanted.has(group)) group.remove();
    const sorted = [...wanted].sort((a, b) => this.order.get(a) - this.order.get(b));
    let after = null;
    for (const group of sorted.reverse()) {
      if (!this.shown.has(group)) this.geometry.graph.insertBefore(group, after);
      after = group;
    }
    this.shown = wanted;
  }

  /** Sees that a group is in the document. */
  ensure(group) {
    if (!this.shown.has(group)) this.attach(new Set([...this.shown, group]));
  }

  /** The innermost box at a point of the picture, or the nearest one within `reach`. */
  at(x, y, reach) {
    const around = { x: x - reach, y: y - reach, width: 2 * reach, height: 2 * reach };
    const found = [...this.within(around)].filter((group) => group.classList.contains("box"));
    const rank = (group) => {
      const place = this.geometry.of(group);
      return distance(place, x, y) * 1e9 + place.width * place.height;
    };
    return found.sort((a, b) => rank(a) - rank(b))[0];
  }

  paint(seen, scale) {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [seen.width * scale * ratio, seen.height * scale * ratio].map(Math.round);
    if (this.canvas.width !== width || this.canvas.height !== height)
      Object.assign(this.canvas, { width, height });
    this.canvas.hidden = !this.isAfar;
    if (!this.isAfar) return;
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const zoom = scale * ratio;
    context.setTransform(zoom, 0, 0, zoom, -seen.x * zoom, -seen.y * zoom);
    const colour = colourReader();
    this.paintBoxes(context, seen, 1 / zoom, colour, (box) => box.group.id.startsWith("c"));
    if (scale > WITH_LINES) this.paintLines(context, 1 / zoom, colour("var(--p-5b6770)"));
    this.paintBoxes(context, seen, 1 / zoom, colour, (box) => !box.group.id.startsWith("c"));
  }

  paintBoxes(context, seen, hair, colour, isWanted) {
    for (const box of this.boxes) {
      if (!isWanted(box) || !overlap(box.place, seen)) continue;
      const { x, y, width, height } = box.place;
      const isChosen = box.group.classList.contains("chosen");
      context.fillStyle = colour(box.fill);
      context.fillRect(x, y, Math.max(width, hair), Math.max(height, hair));
      context.strokeStyle = colour(isChosen ? "var(--accent)" : box.stroke);
      context.lineWidth = isChosen ? 6 * hair : hair;
      if (isChosen || width > 6 * hair) context.strokeRect(x, y, width, height);
    }
  }

  paintLines(context, hair, colour) {
    context.beginPath();
    for (const [x1, y1, x2, y2] of this.lines) {
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
    }
    context.strokeStyle = colour;
    context.lineWidth = hair;
    context.stroke();
  }
}

/** Makes colours of what the style sheet calls them; a canvas does not know it. */
function colourReader() {
  const style = getComputedStyle(document.documentElement);
  const read = new Map();
  return (given) => {
    if (!read.has(given)) {
      const [, name] = /^var\((--[^)]+)\)$/.exec(given ?? "") ?? [];
      read.set(
        given,
        name ? style.getPropertyValue(name) : given === "none" || !given ? "transparent" : given,
      );
    }
    return read.get(given);
  };
}

function* cellsOf({ x, y, width, height }) {
  for (let column = Math.floor(x / CELL_PX); column <= Math.floor((x + width) / CELL_PX); column += 1) {
    for (let row = Math.floor(y / CELL_PX); row <= Math.floor((y + height) / CELL_PX); row += 1)
      yield `${column},${row}`;
  }
}

function overlap(one, two) {
  return (
    one.x <= two.x + two.width &&
    two.x <= one.x + one.width &&
    one.y <= two.y + two.height &&
    two.y <= one.y + one.height
  );
}

function distance({ x, y, width, height }, toX, toY) {
  return Math.hypot(Math.max(x - toX, 0, toX - x - width), Math.max(y - toY, 0, toY - y - height));
}

function holds(outer, inner) {
  return (
    outer.x <= inner.x &&
    outer.y <= inner.y &&
    outer.x + outer.width >= inner.x + inner.width &&
    outer.y + outer.height >= inner.y + inner.height
  );
}
