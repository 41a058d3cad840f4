/** The table of all modules: a tree or a list, sorted and filtered. */
class ModulesTab {
  constructor(architecture, details, goToDiagram) {
    this.architecture = architecture;
    this.details = details;
    this.goToDiagram = goToDiagram;
  }

  fill(panel) {
    this.grid = new TreeGrid(this.architecture, moduleColumns(this.architecture), {
      label: "Modules",
      onsort: true,
      onchoose: (path) => this.chosen(path),
    });
    const filter = element("input", {
      type: "search",
      placeholder: "Filter by path or class",
      "aria-label": "Filter by path or class",
      oninput: () => this.filter(filter.value),
    });
    const flat = element("input", { type: "checkbox", onchange: () => this.setFlat(flat.checked) });
    panel.append(
      element(
        "div",
        { class: "bar-of-tools" },
        filter,
        button("Open all", () => this.setAll(true), { class: "tool" }),
        button("Close all", () => this.setAll(false), { class: "tool" }),
        element("label", { class: "check" }, flat, " As a list"),
        (this.inDiagram = button("Show in the diagram", () => this.goToDiagram(this.grid.chosen), {
          class: "tool",
          disabled: true,
        })),
      ),
      (this.split = element("div", { class: "split" }, this.grid.root)),
    );
  }

  shown() {
    this.split.append(this.details.root);
    this.details.onclose = () => this.closed();
    this.details.onbox = null;
  }

  chosen(path) {
    this.inDiagram.disabled = false;
    this.details.show({ path, node: null }, null, null);
  }

  /** Marks the row of what was chosen in another tab. */
  choose(path) {
    if (!this.grid || path == null) return;
    this.grid.choose(path);
    this.inDiagram.disabled = false;
  }

  closed() {
    this.grid.made.get(this.grid.active)?.focus({ preventScroll: true });
  }

  filter(text) {
    this.grid.model.filter = text.trim();
    this.grid.body.scrollTop = 0;
    this.grid.refresh();
    announce(plural(this.grid.rows.length, "row"));
  }

  setAll(opened) {
    this.grid.model.setAll(opened);
    this.grid.refresh();
  }

  setFlat(flat) {
    this.grid.model.flat = flat;
    this.grid.refresh();
  }
}
