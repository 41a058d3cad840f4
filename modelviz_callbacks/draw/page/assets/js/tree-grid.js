/** The module tree as a grid. */
class TreeGrid extends RowGrid {
  constructor(architecture, columns, { label, onchoose, onsort }) {
    const choose = (entry) => onchoose(entry.path);
    super(new TreeRows(architecture), columns, { role: "treegrid", label, onchoose: choose, onsort });
    this.root.classList.add("tree");
    this.chosen = null;
  }

  described(entry) {
    return {
      "aria-level": entry.level + 1,
      "aria-expanded": entry.hasChildren ? String(entry.isOpen) : null,
      "aria-selected": String(entry.path === (this.chosen ?? null)),
    };
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
    if (event.target.closest(".twist")) this.toggle(place);
    else super.click(event, place);
  }

  take(place) {
    this.chosen = this.rows[place].path;
    this.made.forEach((row, at) => row.setAttribute("aria-selected", at === place));
    super.take(place);
  }

  toggle(place, opened) {
    this.model.toggle(this.rows[place].path, opened);
    this.refresh();
    this.activate(place, { focus: true });
  }

  actions(place) {
    const actions = super.actions(place);
    const entry = this.rows[place];
    const holder = () => this.activate(this.holderOf(place), { focus: true });
    return {
      ...actions,
      ArrowRight: () =>
        entry.hasChildren && !entry.isOpen ? this.toggle(place, true) : actions.ArrowDown(),
      ArrowLeft: () => (entry.isOpen ? this.toggle(place, false) : holder()),
    };
  }

  holderOf(place) {
    let at = place;
    while (at > 0 && this.rows[at].level >= this.rows[place].level) at -= 1;
    return at;
  }
}
