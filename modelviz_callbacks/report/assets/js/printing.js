const MOST_PRINTED = 2000;

/** Puts the whole table on paper, and how the architectures evolved. */
class Printing {
  constructor(archive, runsTab) {
    this.archive = archive;
    this.runsTab = runsTab;
    new Paper((place) => this.fill(place));
  }

  fill(place) {
    const { columns, grid } = this.runsTab;
    const rows = grid.rows.slice(0, MOST_PRINTED);
    const more = grid.rows.length - rows.length;
    const evolution = element("div");
    new EvolutionTab(this.archive).fill(evolution);
    for (const details of document.querySelectorAll("#warnings details")) details.open = true;
    place.replaceChildren(
      element("h2", null, "Runs"),
      table(
        columns.map((column) => column.title),
        rows.map((run) => columns.map((column) => column.text(run) ?? "")),
      ),
      more > 0 ? element("p", null, `and ${plural(more, "more run")}`) : "",
      element("h2", null, "Evolution"),
      evolution,
    );
  }
}
