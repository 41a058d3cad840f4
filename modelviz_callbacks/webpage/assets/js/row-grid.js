const ROW_PX = 28;
const AHEAD = 12;

/**
 * A grid of rows; only those in sight are elements, so ten thousand cost no more than fifty. Its model gives the `rows()`
 * and keeps the `sorting`; its columns have `title`, `width`, `numeric`, the `value` that is sorted by and the `cell`.
 */
class RowGrid {
  constructor(model, columns, { role = "grid", label, onchoose, onsort }) {
    this.model = model;
    this.columns = columns;
    this.onchoose = onchoose;
    this.active = 0;
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
      { class: "grid", role, "aria-label": label },
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

  /** Sorts by a column, then the other way round, then not at all. */
  sort(column) {
    const now = this.model.sorting;
    const first = Boolean(column.descendingFirst ?? column.numeric);
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
    announce(this.model.sorting ? `Sorted by ${column.title}` : this.model.unsorted);
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
        "aria-rowindex": place + 2,
        ...this.described(entry),
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

  /** More attributes of an entry's row. */
  described() {
    return {};
  }

  click(event, place) {
    // A link or button in a row does what it says, and no more.
    if (!event.target.closest("a, button")) this.take(place);
  }

  take(place) {
    this.active = place;
    this.ensureTabStop(place, place + 1);
    this.onchoose(this.rows[place], this.made.get(place));
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
    if (!this.rows[place] || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = this.actions(place)[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  actions(place) {
    const go = (to) => this.activate(Math.max(0, Math.min(this.rows.length - 1, to)), { focus: true });
    const page = Math.floor(this.body.clientHeight / ROW_PX);
    return {
      ArrowDown: () => go(place + 1),
      ArrowUp: () => go(place - 1),
      PageDown: () => go(place + page),
      PageUp: () => go(place - page),
      Home: () => go(0),
      End: () => go(this.rows.length - 1),
      Enter: () => this.take(place),
      " ": () => this.take(place),
    };
  }
}

/** Sorts entries by what `sorting` says; those without a value come last. */
function sortedBy(sorting, entries) {
  if (!sorting) return entries;
  const { value, descending } = sorting;
  const sign = descending ? -1 : 1;
  const compare = (a, b) => (typeof a === "string" ? COLLATOR.compare(a, b) : a - b);
  return entries
    .map((entry) => [value(entry), entry])
    .sort(([a], [b]) => (a == null) - (b == null) || (a == null ? 0 : sign * compare(a, b)))
    .map(([, entry]) => entry);
}

// localeCompare() would make one for each of a hundred thousand comparisons.
const COLLATOR = new Intl.Collator("en", { numeric: true });
