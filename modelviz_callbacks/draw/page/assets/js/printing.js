const MOST_PRINTED = 2000;

/** Puts on paper what the tabs hide: the diagram as it is shown, fitted, and the whole module table. */
class Printing {
  constructor(architecture, diagramTab) {
    this.architecture = architecture;
    this.diagramTab = diagramTab;
    new Paper((place) => this.fill(place));
  }

  fill(place) {
    const svg = printedDiagram(this.diagramTab.diagram.viewport);
    for (const details of document.querySelectorAll("#warnings details:not(.traceback)")) details.open = true;
    place.replaceChildren(...[svg, this.modules()].filter(Boolean));
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
