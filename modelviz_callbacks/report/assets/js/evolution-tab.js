const OPEN_LINEAGES = 3;
const LINEAGES_AT_ONCE = 100;
const STEPS_AT_ONCE = 50;
const MEANING =
  "Runs in a row are one step while they have the same modules and data flow and agree in which parameters train; " +
  "of a run whose data flow was not seen, the rest is compared.";

/** For each class of models, what changed from one architecture to the next. */
class EvolutionTab {
  constructor(archive) {
    this.archive = archive;
  }

  fill(panel) {
    const changed = this.archive.lineages.filter((lineage) => lineage.steps.length > 1);
    const same = this.archive.lineages.filter((lineage) => lineage.steps.length === 1);
    const page = element("div", { class: "page" }, element("p", { class: "faint meaning" }, MEANING));
    if (changed.length === 0)
      page.append(element("p", null, "No class of models has changed from one run to the next."));
    appendGradually(page, changed, LINEAGES_AT_ONCE, (lineage, place) => this.section(lineage, place < OPEN_LINEAGES));
    if (same.length > 0) page.append(this.unchanged(same));
    panel.append(page);
  }

  section(lineage, open) {
    const changes = plural(lineage.steps.length - 1, "change");
    const made = element(
      "details",
      { class: "lineage", open, ontoggle: () => this.fillSection(made, lineage) },
      element(
        "summary",
        null,
        element("h2", { title: lineage.class }, element("bdi", null, shortClass(lineage.class) || "model")),
        element("span", { class: "faint" }, `${plural(lineage.runs.length, "run")}, ${changes}`),
      ),
    );
    if (open) this.fillSection(made, lineage);
    return made;
  }

  fillSection(section, lineage) {
    if ("filled" in section.dataset) return;
    section.dataset.filled = "";
    const chart = parameterChart(lineage);
    if (chart) section.append(element("figure", null, chart, element("figcaption", { class: "faint small" }, "Parameters over time; a dot is another architecture")));
    const list = element("ol", { class: "steps" });
    section.append(list);
    // The latest change is what most people look for.
    const newestFirst = lineage.steps.map((step, place) => ({ step, before: lineage.steps[place - 1] })).reverse();
    appendGradually(list, newestFirst, STEPS_AT_ONCE, ({ step, before }) => stepItem(step, before));
  }

  unchanged(lineages) {
    const names = lineages.slice(0, LINEAGES_AT_ONCE).map(({ class: name, runs }) =>
      element("li", null, element("bdi", { title: name }, shortClass(name) || "model"), ` (${plural(runs.length, "run")})`),
    );
    const more = lineages.length - names.length;
    return element(
      "section",
      { class: "unchanged" },
      element("h2", null, "The same in all runs"),
      element("ul", null, names),
      more > 0 && element("p", { class: "faint" }, `and ${exactCount(more)} more`),
    );
  }
}

function stepItem(step, before) {
  const { first } = step;
  return element(
    "li",
    { class: before ? "" : "begin" },
    element(
      "p",
      { class: "when" },
      element("time", { datetime: first.date }, minuteText(first.date)),
      runLink(first),
      element("span", { class: "faint" }, step.runs > 1 ? `and ${plural(step.runs - 1, "more run")}` : ""),
      element("span", { class: "faint figures" }, figuresText(first, before?.first)),
    ),
    before
      ? element("ul", { class: "changes" }, step.changes.map(changeItem))
      : element("p", { class: "faint" }, "The first run of this model."),
    step.note && element("p", { class: "faint" }, `What changed is not said: ${step.note}.`),
    before && !step.note && step.changes.length === 0 &&
      element("p", { class: "faint" }, "Its fingerprint is another, and nothing that can be named."),
  );
}

/** A line of changes; what kind they are of stands before the colon. */
function changeItem(text) {
  const [kind, ...rest] = text.split(": ");
  return element("li", null, rest.length ? [element("strong", null, `${kind}:`), ` ${rest.join(": ")}`] : text);
}

function figuresText(run, before) {
  if (run.parameters == null) return "";
  const change = before?.parameters == null ? 0 : run.parameters - before.parameters;
  const sign = change > 0 ? "+" : "−";
  return `${humanCount(run.parameters)} parameters${change ? ` (${sign}${humanCount(Math.abs(change))})` : ""}`;
}
