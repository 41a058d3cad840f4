const LEVELS = { error: "✕", warning: "!", note: "i" };
const MOST_PATHS = 12;

/** What must not be missed. Each error has a line of its own, and what ended the step lies open. */
function fillWarnings(section, warnings, goTo) {
  const of = (level) => warnings.filter((warned) => warned.level === level);
  section.append(...of("error").map((warned) => errorBanner(warned, goTo)));
  for (const level of ["warning", "note"]) {
    const told = of(level);
    if (told.length > 0) section.append(groupBanner(level, told, goTo));
  }
}

function errorBanner(warned, goTo) {
  const summary = summaryLine("error", warned.title, warned.lines[0]);
  return element("details", { class: "banner error", open: warned.opened }, summary, told(warned, goTo));
}

function groupBanner(level, warnings, goTo) {
  const summary = summaryLine(
    level,
    plural(warnings.length, level),
    warnings.map((warned) => warned.title).join(" · "),
  );
  const parts = warnings.map((warned) => [element("strong", null, warned.title), told(warned, goTo)]);
  return element(
    "details",
    { class: `banner ${level}` },
    summary,
    element("div", { class: "told" }, parts.flat()),
  );
}

function summaryLine(level, title, more) {
  return element(
    "summary",
    null,
    element("span", { class: "sign", "aria-label": level, role: "img" }, LEVELS[level]),
    element("strong", null, title),
    element("span", { class: "titles" }, more ?? ""),
  );
}

function told(warned, goTo) {
  return element(
    "div",
    { class: "told" },
    warned.lines.map((line) => element("p", null, line)),
    warned.paths.length > 0 && pathButtons(warned.paths, goTo),
    warned.traceback && traceback(warned.traceback),
  );
}

function traceback(text) {
  return element(
    "details",
    { class: "traceback" },
    element("summary", null, "Traceback"),
    element("pre", null, text),
  );
}

/** Buttons that lead to modules; of many, the first ones, and the rest on demand. */
function pathButtons(paths, goTo) {
  const make = (path) => button(path || "the model itself", () => goTo(path), { class: "path" });
  const place = element("p", { class: "paths" }, paths.slice(0, MOST_PATHS).map(make));
  const rest = paths.slice(MOST_PATHS);
  if (rest.length > 0) {
    const more = button(`and ${exactCount(rest.length)} more`, () => more.replaceWith(...rest.map(make)), {
      class: "path",
    });
    place.append(more);
  }
  return place;
}
