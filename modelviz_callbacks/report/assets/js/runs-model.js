/** Which runs the table shows: filtered and sorted. Nothing of it is drawn. */
class RunsModel {
  constructor(archive) {
    this.archive = archive;
    this.sorting = null;
    this.unsorted = "Newest first";
    this.words = "";
    this.status = "";
    this.class = "";
    this.architecture = null;
    this.texts = archive.runs.map((run) =>
      [run.name, run.class, run.architecture?.structure, run.architecture?.dataflow, run.date, STATUS[run.status]?.[0]]
        .filter(Boolean)
        .join("\n")
        .toLowerCase(),
    );
  }

  rows() {
    const words = this.words.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = this.archive.runs.filter(
      (run) =>
        (!this.status || run.status === this.status) &&
        (!this.class || run.class === this.class) &&
        (!this.architecture || run.architecture === this.architecture) &&
        words.every((word) => this.texts[run.place].includes(word)),
    );
    return sortedBy(this.sorting, kept);
  }
}

function runColumns(onarchitecture) {
  const text = (title, width, value) => ({
    title,
    width,
    value: (run) => value(run) || null,
    cell: (run) => element("span", { title: value(run) }, element("bdi", null, value(run) ?? "")),
    text: value,
  });
  const count = (title, value) => ({
    title,
    numeric: true,
    width: "6rem",
    value,
    cell: (run) => element("span", { title: exactCount(value(run)) }, humanCount(value(run))),
    text: (run) => humanCount(value(run)),
  });
  return [
    { ...text("Run", "minmax(14rem, 3fr)", (run) => run.name), cell: (run) => runLink(run, { tabindex: -1 }) },
    { ...text("Model", "minmax(8rem, 1.2fr)", (run) => run.class), ...shortened() },
    count("Parameters", (run) => run.parameters),
    count("FLOPs", (run) => run.flops),
    {
      title: "Status",
      width: "8.5rem",
      value: (run) => run.status,
      cell: (run) => statusMark(run.status),
      text: (run) => STATUS[run.status]?.[0] ?? run.status,
    },
    {
      title: "Architecture",
      width: "16rem",
      value: (run) => run.architecture?.structure ?? null,
      cell: (run) => architectureCell(run.architecture, onarchitecture),
      text: (run) => printText(run.architecture),
    },
    { ...text("Date (UTC)", "8.5rem", (run) => minuteText(run.date)), descendingFirst: true },
  ];
}

function shortened() {
  return { cell: (run) => element("span", { title: run.class }, element("bdi", null, shortClass(run.class))) };
}

function architectureCell(architecture, onarchitecture) {
  if (!architecture) return element("span", { class: "faint" }, "not known");
  const { runs } = architecture;
  const more = button(plural(runs.length, "run"), () => onarchitecture(architecture), {
    class: "path small",
    tabindex: -1,
    title: "Show these runs",
  });
  return element("span", { class: "print" }, element("code", null, printText(architecture)), more);
}
