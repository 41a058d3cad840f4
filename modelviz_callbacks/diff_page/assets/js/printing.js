/** Puts both diagrams on paper as they are shown, fitted, after the list of changes. */
class Printing {
  constructor(facts, sides) {
    this.facts = facts;
    this.sides = sides;
    new Paper((place) => this.fill(place));
  }

  fill(place) {
    for (const details of document.querySelectorAll("#warnings details, .differences details")) details.open = true;
    const list = new Changes(this.facts, () => {});
    list.list.querySelectorAll(".turn").forEach((turn) => turn.remove());
    place.replaceChildren(list.list, ...this.sides.flatMap((side) => this.picture(side)));
  }

  picture(side) {
    const svg = printedDiagram(side.viewport);
    return svg === null ? [] : [element("h2", null, `${SIDES[side.place]}: ${side.facts.name}`), svg];
  }
}
