/** What is on paper instead of what is on the screen; made when it is printed, and gone after it. */
class Paper {
  /** `fill(place)` puts it there. */
  constructor(fill) {
    this.place = document.getElementById("printed");
    this.fill = fill;
    addEventListener("beforeprint", () => this.fill(this.place));
    addEventListener("afterprint", () => this.place.replaceChildren());
    // Whoever only tries the look of print gets no beforeprint.
    matchMedia("print").addEventListener("change", (event) =>
      event.matches ? this.fill(this.place) : this.place.replaceChildren(),
    );
  }
}

/** A diagram as it is shown, to fit a sheet of paper; null where none is. */
function printedDiagram(viewport) {
  const svg = viewport?.paper.querySelector("svg")?.cloneNode(true) ?? null;
  svg?.removeAttribute("width");
  svg?.removeAttribute("height");
  return svg;
}
