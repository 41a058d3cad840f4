/** All runs: rows of the page's data, with names. Newest first. */
class Archive {
  constructor(facts) {
    this.facts = facts;
    this.classes = facts.classes;
    this.architectures = facts.architectures.map(([of, structure, dataflow], place) => ({
      place,
      class: facts.classes[of],
      structure,
      dataflow,
      runs: [],
    }));
    this.byModules = new Map(this.architectures.map(({ structure }) => [structure, []]));
    for (const architecture of this.architectures) this.byModules.get(architecture.structure).push(architecture);
    this.runs = facts.runs.map((row, place) => this.run(row, place));
    this.lineages = facts.lineages.map(({ class: of, runs, steps }) => ({
      class: facts.classes[of],
      runs: runs.map((run) => this.runs[run]),
      steps: steps.map((step) => ({ ...step, first: this.runs[step.run] })),
    }));
  }

  run([name, of, parameters, flops, status, architecture, date, link, url], place) {
    const run = {
      place,
      name,
      class: this.classes[of],
      parameters,
      flops,
      status: this.facts.statuses[status] ?? "partial",
      architecture: this.architectures[architecture] ?? null,
      date,
      link,
      url,
    };
    run.architecture?.runs.push(run);
    return run;
  }

  /** The architectures that have the same modules, itself among them. */
  withModulesOf(architecture) {
    return this.byModules.get(architecture.structure);
  }
}

/** The beginning of a fingerprint, by which people recognise it. */
function shortPrint(fingerprint) {
  return (fingerprint ?? "").replace(/^\w+:/, "").slice(0, 8);
}

/** An architecture's name: of its modules, and of its data flow where that was seen. */
function printText(architecture) {
  if (!architecture) return "";
  return [architecture.structure, architecture.dataflow].filter(Boolean).map(shortPrint).join(" ");
}

function dayText(date) {
  return (date ?? "").slice(0, 10);
}

function minuteText(date) {
  return timeText(date).slice(0, 16);
}

/** A run's name; where its page can be opened from here, a link. */
function runLink(run, properties) {
  const name = element("bdi", null, run.name);
  if (run.link != null) return element("a", { href: run.link, title: run.name, ...properties }, name);
  return element("span", { title: run.url ?? `${run.name} – no page was made of it` }, name);
}
