import { button, element, shortFingerprint, shownDate, statusBadges } from "./elements.js";

/** One record, opened: its page, or what there is of it. */
export class RecordView {
  constructor(side) {
    this.root = element("section", { class: "view", "aria-label": `${side} record` });
    this.shown = { id: null, content: null };
  }

  /** Shows a record. A page that is open stays as it is, with its zoom and search, until a newer one is asked for. */
  show(record) {
    const content = record.page ?? JSON.stringify(record);
    const isOpen = this.shown.id === record.id;
    if (isOpen && this.shown.content === content) return;
    if (isOpen && record.page && this.shown.isPage) this.offer(record);
    else this.open(record, content);
  }

  open(record, content) {
    this.shown = { id: record.id, content, isPage: Boolean(record.page) };
    this.root.replaceChildren(record.page ? pageFrame(record) : unfinished(record));
  }

  offer(record) {
    const newer = button("Show the newer page", () => this.open(record, record.page));
    this.root.querySelector(".offer")?.remove();
    this.root.prepend(element("p", { class: "offer", role: "status" }, "This record’s page has changed. ", newer));
  }

  /** Says that there is no record of that name. */
  showMissing(name, searching) {
    const text = searching ? `Looking for ${name} …` : `There is no record ${name} in this logdir (any more).`;
    this.shown = { id: null, content: null };
    this.root.replaceChildren(element("div", { class: "message", role: "status" }, element("p", null, text)));
  }
}

function address(record, file) {
  const path = file.split("/").map(encodeURIComponent).join("/");
  return `./record/${record.id}/${path}`;
}

/** The page, in a frame without our origin: it is data, and reaches neither us nor TensorBoard. */
function pageFrame(record) {
  return element("iframe", {
    class: "page",
    sandbox: "allow-scripts",
    referrerpolicy: "no-referrer",
    title: `Architecture of ${record.model || "a model"}: ${record.name}`,
    src: `${address(record, "index.html")}?v=${encodeURIComponent(record.page)}`,
  });
}

function unfinished(record) {
  return element(
    "div",
    { class: "unfinished" },
    element("h2", null, record.model || record.name),
    element("p", null, statusBadges(record)),
    element("p", { role: "status" }, reason(record)),
    facts(record),
    record.pictures.map((file) => element("img", { src: address(record, file), alt: `Picture of the architecture: ${file}` })),
    record.text && textOf(record),
    artifacts(record),
  );
}

function reason(record) {
  if (record.status === "unreadable") return record.said;
  if (record.drawing > 0) return "Its pictures and its page are being made. The page opens here as soon as it is there.";
  return "This record has no page. This is what it holds.";
}

function facts(record) {
  const rows = [
    ["Class", record.class],
    ["Parameters", record.parameters?.toLocaleString()],
    ["Begun", record.created && shownDate(record.created)],
    ["Structure", shortFingerprint(record)],
    ...record.notes.map((note) => ["Note", note]),
  ].filter(([, value]) => value);
  return element("dl", null, rows.map(([name, value]) => element("div", null, element("dt", null, name), element("dd", null, value))));
}

/** The table or the tree of the modules, as text. */
function textOf(record) {
  const shown = element("pre", { tabindex: 0, "aria-label": record.text }, "…");
  fetch(address(record, record.text))
    .then((response) => (response.ok ? response.text() : Promise.reject(new Error(response.statusText))))
    .then((text) => (shown.textContent = text))
    .catch((error) => (shown.textContent = `${record.text} could not be read: ${error.message}`));
  return shown;
}

function artifacts(record) {
  if (record.artifacts.length === 0) return null;
  const row = ({ name, root, status, error, notes }) =>
    element("tr", null, element("th", { scope: "row" }, root ? `${root}: ${name}` : name), element("td", null, status), element("td", null, [error, ...notes].filter(Boolean).join("; ")));
  return element(
    "table",
    null,
    element("caption", null, "Artifacts"),
    element("thead", null, element("tr", null, ["Name", "Status", "Notes"].map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", null, record.artifacts.map(row)),
  );
}
