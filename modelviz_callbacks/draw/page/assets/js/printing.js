const MOST_PRINTED = 2000;

/** Puts on paper what the tabs hide: the diagram as it is shown, fitted, and the whole module table. */
class Printing {
  constructor(architecture, diagramTab) {
    this.architecture = architecture;
    this.diagramTab = diagramTab;
    this.place = document.getElementById("printed");
    addEventListener("beforeprint", () => this.fill());
    addEventListener("afterprint", () => this.place.replaceChildren());
    // Whoever only tries the look of print gets no beforeprint.
    matchMedia("print").addEventListener("change", (event) =>
      event.matches ? this.fill() : this.place.replaceChildren(),
    );
  }

  fill() {
    const svg = this.diagramTab.diagram.viewport?.paper.querySelector("svg")?.cloneNode(true);
    svg?.removeAttribute("width");
    svg?.removeAttribute("height");
    for (const details of document.querySelectorAll("#warnings details:not(.traceback)")) details.open = true;
    this.place.replaceChildren(...[svg, this.modules()].filter(Boolean));
  }

  modules() {
    const columns = moduleColumns(this.architecture);
    const rows = [...this.architecture.modules].map(([path, module]) => ({ path, module }));
    const cells = rows.slice(0, MOST_PRINTED).map((row) => columns.map((column) => column.text(row) ?? ""));
    const made = table(
      columns.map((column) => column.title),
      cells,
    );
    if (rows.length > MOST_PRINTED)
      made.append(element("p", null, `and ${plural(rows.length - MOST_PRINTED, "more module")}`));
    return made;
  }
}
