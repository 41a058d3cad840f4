// Elements are made here and nowhere else, and text only ever becomes text: names from models are
// hostile until they went through here.

/** Makes an HTML element. `on…` properties are listeners, the others attributes. */
function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return made;
}

function button(label, onclick, properties) {
  return element("button", { type: "button", onclick, ...properties }, label);
}

/** A table of two columns: names and values. Rows without a value are left out. */
function definitions(rows, properties) {
  const given = rows.filter(([, value]) => value != null && value !== "");
  return element(
    "dl",
    properties,
    given.map(([name, value]) => element("div", null, element("dt", null, name), element("dd", null, value))),
  );
}

/** A table with a row of headings. */
function table(headings, rows, properties) {
  const head = element(
    "tr",
    null,
    headings.map((text) => element("th", { scope: "col" }, text)),
  );
  const body = rows.map((cells) =>
    element(
      "tr",
      null,
      cells.map((cell) => element("td", null, cell ?? "")),
    ),
  );
  const made = element("table", properties, element("thead", null, head), element("tbody", null, body));
  return element("div", { class: "scrolled" }, made);
}

/** A bar that shows a share of 0 to 1. */
function bar(share, label) {
  const filled = element("span", { class: "filled" });
  filled.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return element("span", { class: "bar", role: "img", "aria-label": label }, filled);
}

/** Says something to those who do not see the page. */
function announce(text) {
  document.getElementById("live").textContent = text;
}
