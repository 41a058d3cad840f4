const LEVELS = { error: ["✕", "Errors"], warning: ["!", "Warnings"], note: ["i", "Notes"] };
const MOST_PATHS = 12;

/** What must not be missed: errors lie open, the rest is one line until it is opened. */
function fillWarnings(section, warnings, goTo) {
  const serious = warnings.filter((warned) => warned.level === "error");
  const others = warnings.filter((warned) => warned.level === "warning");
  const notes = warnings.filter((warned) => warned.level === "note");
  section.append(...serious.map((warned) => banner(warned, goTo)));
  if (others.length) section.append(group("warning", others, goTo));
  if (notes.length) section.append(group("note", notes, goTo));
}

function banner(warned, goTo) {
  return element("div", { class: `banner ${warned.level}`, role: "alert" }, sign(warned.level), content(warned, goTo));
}

function group(level, warnings, goTo) {
  const titles = warnings.map((warned) => warned.title).join(" · ");
  const summary = element(
    "summary",
    null,
    sign(level),
    element("strong", null, plural(warnings.length, level)),
    element("span", { class: "titles" }, titles),
  );
  return element("details", { class: `banner ${level}` }, summary, warnings.map((warned) => content(warned, goTo)));
}

function sign(level) {
  return element("span", { class: "sign", "aria-label": level, role: "img" }, LEVELS[level][0]);
}

function content(warned, goTo) {
  return element(
    "div",
    { class: "told" },
    element("strong", null, warned.title),
    warned.lines.map((line) => element("p", null, line)),
    warned.paths.length > 0 && pathButtons(warned.paths, goTo),
    warned.traceback &&
      element("details", { class: "traceback" }, element("summary", null, "Traceback"), element("pre", null, warned.traceback)),
  );
}

/** Buttons that lead to modules; of many, the first ones, and the rest on demand. */
function pathButtons(paths, goTo) {
  const make = (path) => button(path || "the model itself", () => goTo(path), { class: "path" });
  const place = element("p", { class: "paths" }, paths.slice(0, MOST_PATHS).map(make));
  if (paths.length > MOST_PATHS) {
    const rest = paths.slice(MOST_PATHS);
    const more = button(`and ${plural(rest.length, "more")}`.replace("mores", "more"), () => more.replaceWith(...rest.map(make)), {
      class: "path",
    });
    place.append(more);
  }
  return place;
}
