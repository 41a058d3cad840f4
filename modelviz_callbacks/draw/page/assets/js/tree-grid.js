const ROW_PX = 28;
const AHEAD = 12;

/** The module tree as a grid; only the rows in sight are elements, so ten thousand cost no more than fifty. */
class TreeGrid {
  constructor(architecture, columns, { label, onchoose, onsort }) {
    this.model = new TreeRows(architecture);
    this.columns = columns;
    this.onchoose = onchoose;
    this.active = 0;
    this.chosen = null;
    this.made = new Map();
    this.head = element(
      "div",
      { role: "row", class: "row head" },
      columns.map((column) => this.heading(column, onsort)),
    );
    this.space = element("div", { class: "space", role: "rowgroup" });
    this.body = element("div", { class: "rows", onscroll: () => this.paint() }, this.space);
    this.root = element(
      "div",
      { class: "tree", role: "treegrid", "aria-label": label },
      element("div", { role: "rowgroup" }, this.head),
      this.body,
    );
    this.root.style.setProperty("--columns", columns.map((column) => column.width).join(" "));
    this.body.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.paint()).observe(this.body);
    this.refresh();
  }

  heading(column, onsort) {
    const properties = { role: "columnheader", class: column.numeric ? "number" : "", "aria-sort": "none" };
    if (!onsort) return element("span", properties, column.title);
    return element(
      "span",
      properties,
      button(column.title, () => this.sort(column), { class: "sort" }),
    );
  }

  sort(column) {
    const now = this.model.sorting;
    const first = Boolean(column.numeric);
    if (now?.column !== column) this.model.sorting = { column, value: column.value, descending: first };
    else if (now.descending === first) now.descending = !first;
    else this.model.sorting = null;
    this.columns.forEach((other, place) => {
      const sorting = this.model.sorting?.column === other && this.model.sorting;
      this.head.children[place].setAttribute(
        "aria-sort",
        !sorting ? "none" : sorting.descending ? "descending" : "ascending",
      );
    });
    announce(this.model.sorting ? `Sorted by ${column.title}` : "In the model's own order");
    this.refresh();
  }

  /** Takes the rows anew. */
  refresh() {
    this.rows = this.model.rows();
    this.root.setAttribute("aria-rowcount", this.rows.length + 1);
    this.space.style.height = `${this.rows.length * ROW_PX}px`;
    this.active = Math.min(this.active, Math.max(0, this.rows.length - 1));
    this.made.forEach((row) => row.remove());
    this.made.clear();
    this.paint();
  }

  paint() {
    const from = Math.max(0, Math.floor(this.body.scrollTop / ROW_PX) - AHEAD);
    const to = Math.min(
      this.rows.length,
      Math.ceil((this.body.scrollTop + this.body.clientHeight) / ROW_PX) + AHEAD,
    );
    for (const [place, row] of this.made) {
      if ((place < from || place >= to) && !row.contains(document.activeElement)) {
        row.remove();
        this.made.delete(place);
      }
    }
    for (let place = from; place < to; place += 1) if (!this.made.has(place)) this.make(place);
    this.ensureTabStop(from, to);
  }

  /** Some row must be reachable by the Tab key, wherever the list was scrolled to. */
  ensureTabStop(from, to) {
    const place = this.active >= from && this.active < to ? this.active : from;
    this.made.forEach((row, at) => (row.tabIndex = at === place ? 0 : -1));
  }

  make(place) {
    const entry = this.rows[place];
    const row = element(
      "div",
      {
        role: "row",
        class: "row",
        "aria-level": entry.level + 1,
        "aria-rowindex": place + 2,
        "aria-expanded": entry.hasChildren ? String(entry.isOpen) : null,
        "aria-selected": String(entry.path === this.chosen),
        onclick: (event) => this.click(event, place),
      },
      this.columns.map((column) =>
        element(
          "span",
          { role: "gridcell", class: column.numeric ? "number" : "" },
          column.cell(entry, this),
        ),
      ),
    );
    row.style.top = `${place * ROW_PX}px`;
    this.made.set(place, row);
    this.space.append(row);
  }

  /** Marks a module's row and scrolls to it. */
  choose(path) {
    this.chosen = path;
    if (path != null) {
      this.model.openTo(path);
      this.refresh();
      const place = this.rows.findIndex((row) => row.path === path);
      if (place >= 0) this.activate(place, { focus: false });
    } else this.refresh();
  }

  click(event, place) {
    const entry = this.rows[place];
    if (event.target.closest(".twist")) this.toggle(place);
    else this.take(entry, place);
  }

  take(entry, place) {
    this.active = place;
    this.chosen = entry.path;
    this.made.forEach((row, at) => row.setAttribute("aria-selected", at === place));
    this.ensureTabStop(place, place + 1);
    this.onchoose(entry.path);
  }

  toggle(place, opened) {
    this.model.toggle(this.rows[place].path, opened);
    this.refresh();
    this.activate(place, { focus: true });
  }

  activate(place, { focus }) {
    this.active = place;
    const top = place * ROW_PX;
    const { scrollTop, clientHeight } = this.body;
    if (top < scrollTop || top + ROW_PX > scrollTop + clientHeight)
      this.body.scrollTop = top - clientHeight / 2;
    this.paint();
    if (focus) this.made.get(place)?.focus({ preventScroll: true });
  }

  key(event) {
    const place = Number(event.target.closest('[role="row"]')?.getAttribute("aria-rowindex")) - 2;
    const entry = this.rows[place];
    if (!entry || event.ctrlKey || event.metaKey || event.altKey) return;
    const go = (to) => this.activate(Math.max(0, Math.min(this.rows.length - 1, to)), { focus: true });
    const page = Math.floor(this.body.clientHeight / ROW_PX);
    const actions = {
      ArrowDown: () => go(place + 1),
      ArrowUp: () => go(place - 1),
      PageDown: () => go(place + page),
      PageUp: () => go(place - page),
      Home: () => go(0),
      End: () => go(this.rows.length - 1),
      ArrowRight: () => (entry.hasChildren && !entry.isOpen ? this.toggle(place, true) : go(place + 1)),
      ArrowLeft: () => (entry.isOpen ? this.toggle(place, false) : go(this.holderOf(place))),
      Enter: () => this.take(entry, place),
      " ": () => this.take(entry, place),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  holderOf(place) {
    let at = place;
    while (at > 0 && this.rows[at].level >= this.rows[place].level) at -= 1;
    return at;
  }
}
