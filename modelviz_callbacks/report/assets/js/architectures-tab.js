const CARDS_AT_ONCE = 60;
const NAMED_RUNS = 4;

/** A card for each architecture: its picture, its figures, its runs. */
class ArchitecturesTab {
  constructor(archive, showRuns) {
    this.archive = archive;
    this.showRuns = showRuns;
  }

  async fill(panel) {
    this.pictures = JSON.parse(await unpack("thumbnails"));
    const { architectures } = this.archive;
    if (architectures.length === 0) {
      panel.append(element("p", { class: "absent" }, "No record has a fingerprint."));
      return;
    }
    this.cards = element("ul", { class: "cards" });
    this.more = button("", () => this.add(), { class: "tool more" });
    const meaning = "Runs with the same modules and data flow are one architecture; which parameters train may differ.";
    panel.append(element("div", { class: "page" }, element("p", { class: "faint meaning" }, meaning), this.cards, this.more));
    this.add();
  }

  add() {
    const from = this.cards.childElementCount;
    const all = this.archive.architectures;
    const next = all.slice(from, from + CARDS_AT_ONCE).map((one) => this.card(one));
    this.cards.append(...next);
    const left = all.length - this.cards.childElementCount;
    this.more.hidden = left === 0;
    this.more.textContent = `Show ${exactCount(Math.min(left, CARDS_AT_ONCE))} of ${exactCount(left)} more`;
    if (from > 0) next[0].querySelector("a, button")?.focus();
  }

  card(architecture) {
    const { runs } = architecture;
    // Figures are of the newest run that has them.
    const figure = (key) => runs.find((run) => run[key] != null)?.[key];
    const opened = runs.find((run) => run.link != null);
    const picture = this.picture(architecture);
    return element(
      "li",
      { class: "card" },
      opened
        ? element("a", { href: opened.link, class: "thumbnail", "aria-label": `Page of ${opened.name}` }, picture)
        : element("span", { class: "thumbnail" }, picture),
      element("h2", { title: architecture.class }, element("bdi", null, shortClass(architecture.class) || "model")),
      element(
        "p",
        null,
        [`${humanCount(figure("parameters")) || "?"} parameters`, figure("flops") != null && `${humanCount(figure("flops"))} FLOPs`]
          .filter(Boolean)
          .join(" · "),
      ),
      element(
        "p",
        { class: "faint small" },
        element("code", { title: fullPrint(architecture) }, printText(architecture)),
        architecture.dataflow ? "" : ` ${this.unseenText(architecture)}`,
      ),
      element(
        "p",
        { class: "small" },
        element("span", { class: "faint" }, datesText(runs)),
      ),
      element("ul", { class: "small named" }, runs.slice(0, NAMED_RUNS).map((run) => element("li", null, runLink(run)))),
      button(runs.length > 1 ? `All ${plural(runs.length, "run")}` : "In the table", () => this.showRuns(architecture), {
        class: "tool small",
        "aria-label": `Show ${plural(runs.length, "run")} with this architecture in the table`,
      }),
    );
  }

  /** Without its data flow, it may be one of those that have the same modules. */
  unseenText(architecture) {
    const others = this.archive.withModulesOf(architecture).length - 1;
    if (others === 0) return "data flow not seen";
    const which = others === 1 ? "as the other one" : `as one of the ${exactCount(others)} others`;
    return `data flow not seen: may be the same ${which} with these modules`;
  }

  picture(architecture) {
    const png = this.pictures[architecture.place];
    if (!png) return element("span", { class: "faint none" }, "no picture");
    return element("img", {
      src: `data:image/png;base64,${png}`,
      alt: `Diagram of ${shortClass(architecture.class)}, small`,
      loading: "lazy",
      decoding: "async",
    });
  }
}

function fullPrint(architecture) {
  return [`structure ${architecture.structure}`, architecture.dataflow && `dataflow ${architecture.dataflow}`]
    .filter(Boolean)
    .join("\n");
}

function datesText(runs) {
  const [newest, oldest] = [dayText(runs[0].date), dayText(runs.at(-1).date)];
  return `${plural(runs.length, "run")}, ${newest === oldest ? newest : `${oldest} to ${newest}`}`;
}
