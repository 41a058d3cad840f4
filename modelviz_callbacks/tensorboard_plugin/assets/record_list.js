import { button, element, shortFingerprint, shownDate, statusBadges } from "./elements.js";

/** The table of all records, to open one or two of them. */
export class RecordList {
  /** `onOpen` is called with the names of the records to show: one, or the left and the right one. */
  constructor(onOpen) {
    this.onOpen = onOpen;
    this.picked = new Set();
    this.root = element("section", { class: "list", "aria-label": "Records" });
    this.compare = button("", () => this.onOpen([...this.picked]), { class: "main" });
  }

  show(records) {
    const names = new Set(records.map((record) => record.name));
    this.picked = new Set([...this.picked].filter((name) => names.has(name)));
    this.groups = structureGroups(records);
    const head = [this.unseen("Compare"), "Record", "Model", "Parameters", "Status", "Begun", "Structure"];
    const table = element(
      "table",
      null,
      element("caption", { class: "unseen" }, "Records of architectures in this logdir"),
      element("thead", null, element("tr", null, head.map((text) => element("th", { scope: "col", class: text === "Parameters" && "number" }, text)))),
      element("tbody", null, records.map((record) => this.row(record))),
    );
    const focused = this.root.contains(document.activeElement) ? document.activeElement.id : "";
    this.root.replaceChildren(element("div", { class: "actions" }, this.compare), element("div", { class: "scrolled" }, table));
    this.update();
    if (focused) document.getElementById(focused)?.focus();
  }

  unseen(text) {
    return element("span", { class: "unseen" }, text);
  }

  row(record) {
    const check = element("input", {
      type: "checkbox",
      id: `pick-${record.id}`,
      "aria-label": `Compare ${record.name}`,
      checked: this.picked.has(record.name),
      onchange: (event) => this.pick(record.name, event.target.checked),
    });
    const folder = record.name.lastIndexOf("/") + 1;
    const label = [element("b", null, record.name.slice(0, folder)), record.name.slice(folder)];
    const open = button(label, () => this.onOpen([record.name]), { class: "link", id: `open-${record.id}` });
    const run = record.run === null && element("div", { class: "faint" }, "no event files beside it");
    return element(
      "tr",
      null,
      element("td", null, check),
      element("th", { scope: "row" }, open, run),
      element("td", { title: record.class }, record.model),
      element("td", { class: "number", title: record.parameters?.toLocaleString() }, record.size),
      element("td", null, statusBadges(record)),
      element("td", null, record.created && shownDate(record.created)),
      element("td", null, this.structure(record)),
    );
  }

  /** The fingerprint; records that share it have the same letter and colour. */
  structure(record) {
    const short = shortFingerprint(record);
    if (!short) return element("span", { class: "faint" }, "not known");
    const group = this.groups.get(record.fingerprints.structure);
    const code = element("code", null, short);
    if (!group) return [element("span", { class: "group", "data-group": "none", title: "no other record has this structure" }), code];
    const said = `structure ${group.letter}, of ${group.count} records`;
    return [element("span", { class: "group", "data-group": group.color, title: said, role: "img", "aria-label": said }, group.letter), code];
  }

  pick(name, picked) {
    if (picked) this.picked.add(name);
    else this.picked.delete(name);
    this.update();
  }

  update() {
    const count = this.picked.size;
    this.compare.disabled = count !== 2;
    this.compare.textContent = count === 2 ? "Compare side by side" : count > 2 ? "Pick only two to compare" : "Pick two to compare";
  }
}

/** Gives a letter to each structure that several records share. */
function structureGroups(records) {
  const counts = new Map();
  for (const { fingerprints } of records) {
    if (fingerprints.structure) counts.set(fingerprints.structure, (counts.get(fingerprints.structure) ?? 0) + 1);
  }
  const shared = [...counts].filter(([, count]) => count > 1);
  return new Map(shared.map(([structure, count], number) => [structure, { count, letter: letters(number), color: number % 6 }]));
}

/** A, B, …, Z, AA, AB, …, as columns of a spreadsheet are called. */
function letters(number) {
  const last = String.fromCharCode(65 + (number % 26));
  return number < 26 ? last : letters(Math.floor(number / 26) - 1) + last;
}
