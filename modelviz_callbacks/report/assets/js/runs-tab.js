const FILTER_MS = 120;

/** The table of all runs. */
class RunsTab {
  constructor(archive) {
    this.archive = archive;
    this.model = new RunsModel(archive);
  }

  fill(panel) {
    this.columns = runColumns((architecture) => this.showArchitecture(architecture));
    this.grid = new RunGrid(this.model, this.columns, {
      label: "Runs",
      onsort: true,
      onchoose: (run, row) => this.chosen(run, row),
    });
    this.filter = element("input", {
      type: "search",
      placeholder: "Filter by run, model or fingerprint",
      "aria-label": "Filter by run, model or fingerprint",
      oninput: () => this.later(() => this.apply({ words: this.filter.value })),
    });
    this.status = this.select("status", "All statuses", this.present("status"), (name) => STATUS[name]?.[0] ?? name);
    this.class = this.select("class", "All models", this.archive.classes, shortClass);
    this.count = element("output", { class: "faint" });
    this.reset = button("Show all runs", () => this.showAll(), { class: "tool", hidden: true });
    panel.append(
      element(
        "div",
        { class: "bar-of-tools" },
        this.filter,
        this.class,
        this.status,
        this.reset,
        this.count,
      ),
      this.grid.root,
    );
    this.tell();
  }

  present(key) {
    return this.archive.facts.statuses.filter((name) => this.archive.runs.some((run) => run[key] === name));
  }

  select(key, all, values, text) {
    const options = values.map((value) => element("option", { value, title: value }, text(value)));
    const select = element(
      "select",
      { "aria-label": `Filter by ${key === "class" ? "model" : key}`, onchange: () => this.apply({ [key]: select.value }) },
      element("option", { value: "" }, all),
      options,
    );
    select.hidden = values.length < 2;
    return select;
  }

  /** Waits until the typing pauses. */
  later(act) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(act, FILTER_MS);
  }

  apply(changes) {
    Object.assign(this.model, changes);
    this.grid.body.scrollTop = 0;
    this.grid.refresh();
    this.tell();
    announce(this.count.textContent);
  }

  showArchitecture(architecture) {
    this.apply({ architecture });
  }

  showAll() {
    clearTimeout(this.waiting);
    this.filter.value = this.status.value = this.class.value = "";
    this.apply({ words: "", status: "", class: "", architecture: null });
    this.filter.focus();
  }

  tell() {
    const { model, grid } = this;
    const all = this.archive.runs.length;
    const of = model.architecture ? ` with the architecture ${printText(model.architecture)}` : "";
    const shown = grid.rows.length;
    this.count.textContent = shown === all ? plural(all, "run") : `${exactCount(shown)} of ${plural(all, "run")}${of}`;
    this.reset.hidden = !(model.words || model.status || model.class || model.architecture);
  }

  /** Enter opens the run's page, like its link. */
  chosen(run, row) {
    if (run.link != null) row.querySelector("a").click();
    else announce(run.url ? `Its page is at ${run.url}` : "No page was made of this run");
  }
}

/** A click on a row only goes there: its text shall be copied, too. */
class RunGrid extends RowGrid {
  click(event, place) {
    if (!event.target.closest("a, button")) this.activate(place, { focus: true });
  }
}
