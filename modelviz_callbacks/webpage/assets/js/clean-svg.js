const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set([
  "svg",
  "g",
  "path",
  "polygon",
  "polyline",
  "ellipse",
  "circle",
  "rect",
  "line",
  "text",
  "tspan",
]);
const GIVEN = new Set(
  (
    "id class d points x y x1 y1 x2 y2 cx cy r rx ry width height viewBox transform fill stroke opacity " +
    "fill-opacity stroke-opacity stroke-width stroke-dasharray text-anchor font-size font-weight font-style " +
    "text-decoration dominant-baseline"
  ).split(" "),
);
const UNCOLOURED = new Set(["none", "transparent"]);
const NAMED = { black: "#1a1a1a", white: "#ffffff" };

/** Reads an SVG and keeps of it only what draws. */
function cleanSvg(text) {
  const read = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  if (read.namespaceURI !== SVG || read.localName !== "svg") throw new Error("this picture is no SVG");
  cleanElement(read);
  for (const inner of read.querySelectorAll("*")) cleanElement(inner);
  takeColours(read);
  const svg = document.importNode(read, true);
  const [, , width, height] = (svg.getAttribute("viewBox") ?? "0 0 100 100").split(/[\s,]+/).map(Number);
  // Graphviz gives points; its viewBox counts them too, and a point is 4/3 of a pixel.
  const size = { width: (width * 4) / 3, height: (height * 4) / 3 };
  svg.setAttribute("width", size.width);
  svg.setAttribute("height", size.height);
  return { svg, size, geometry: new Geometry(svg, 4 / 3) };
}

function cleanElement(inner) {
  if (inner.namespaceURI !== SVG || !DRAWN.has(inner.localName)) {
    inner.remove();
    return;
  }
  for (const attribute of [...inner.attributes]) {
    if (!GIVEN.has(attribute.name)) inner.removeAttributeNode(attribute);
  }
}

/** Makes the colours the page's own, light or dark; a picture with others stays on white paper. */
function takeColours(svg) {
  const known = knownColours();
  const found = [];
  for (const inner of svg.querySelectorAll("[fill], [stroke]")) {
    for (const name of ["fill", "stroke"]) {
      const given = inner.getAttribute(name)?.toLowerCase();
      const colour = NAMED[given] ?? given;
      if (known.has(colour)) found.push([inner, name, `var(--p-${colour.slice(1)})`]);
      else if (given && !UNCOLOURED.has(given)) {
        svg.setAttribute("class", "on-white");
        return;
      }
    }
  }
  for (const [inner, name, colour] of found) inner.setAttribute(name, colour);
}

/** The colours that the page's style sheet has a variable for. */
function knownColours() {
  const known = new Set();
  for (const rule of document.styleSheets[0].cssRules) {
    for (const name of rule.style ?? []) if (name.startsWith("--p-")) known.add(`#${name.slice(4)}`);
  }
  return known;
}
