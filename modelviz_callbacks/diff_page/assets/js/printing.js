/** Puts both diagrams on paper as they are shown, fitted, after the list of changes. */
class Printing {
  constructor(facts, sides) {
    this.facts = facts;
    this.sides = sides;
    this.place = document.getElementById("printed");
    addEventListener("beforeprint", () => this.fill());
    addEventListener("afterprint", () => this.place.replaceChildren());
    // Whoever only tries the look of print gets no beforeprint.
    matchMedia("print").addEventListener("change", (event) =>
      event.matches ? this.fill() : this.place.replaceChildren(),
    );
  }

  fill() {
    for (const details of document.querySelectorAll("#warnings details, .differences details")) details.open = true;
    const list = new Changes(this.facts, () => {});
    list.list.querySelectorAll(".turn").forEach((turn) => turn.remove());
    this.place.replaceChildren(list.list, ...this.sides.flatMap((side) => this.picture(side)));
  }

  picture(side) {
    const svg = side.viewport?.paper.querySelector("svg")?.cloneNode(true);
    if (!svg) return [];
    svg.removeAttribute("width");
    svg.removeAttribute("height");
    return [element("h2", null, `${SIDES[side.place]}: ${side.facts.name}`), svg];
  }
}
