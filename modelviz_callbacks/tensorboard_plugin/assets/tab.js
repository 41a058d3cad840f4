// The tab "Architecture": the list of all records, or one or two of them opened.

import { button, element } from "./elements.js";
import { RecordList } from "./record_list.js";
import { RecordView } from "./record_view.js";
import { followTheme, listenForChoices, listenForReloads, readChoice, writeChoice } from "./tensorboard.js";

const SEARCHING_MS = 1000;
const DRAWING_MS = 4000;
// A run that was killed while it drew says so for ever.
const MOST_LOOKS = 150;

/** Called by TensorBoard. */
export function render() {
  followTheme();
  document.documentElement.lang = "en";
  document.title = "Architecture";
  document.head.append(element("link", { rel: "stylesheet", href: "./tab.css" }));
  const tab = new Tab();
  document.body.append(tab.bar, tab.notes, tab.content);
  listenForReloads(() => tab.load());
  listenForChoices(() => tab.choose(readChoice()));
  tab.load();
}

class Tab {
  constructor() {
    this.records = [];
    this.searching = true;
    this.looks = 0;
    this.choice = readChoice();
    this.list = new RecordList(([left, right]) => this.choose({ left, right }));
    this.views = { left: new RecordView("Left"), right: new RecordView("Right") };
    this.all = button("", () => this.choose({}), { class: "tool" });
    this.selects = { left: this.select("left", "Record"), right: this.select("right", "Compare with") };
    this.swap = button("⇄", () => this.choose({ left: this.choice.right, right: this.choice.left }), { class: "tool", title: "Swap left and right", "aria-label": "Swap left and right" });
    this.verdict = element("span", { class: "verdict", role: "status" });
    this.bar = element("header", null, this.all, this.selects.left.label, this.swap, this.selects.right.label, this.verdict);
    this.notes = element("div", { class: "notes", role: "status" });
    this.content = element("main", null, element("p", { class: "message", role: "status" }, "Looking for records …"));
  }

  select(side, text) {
    const select = element("select", { onchange: () => this.choose({ ...this.choice, [side]: select.value }) });
    return { select, label: element("label", null, element("span", null, text), select) };
  }

  async load() {
    clearTimeout(this.timer);
    try {
      const response = await fetch("./records");
      if (!response.ok) throw new Error(response.statusText);
      const { records, notes, searching } = await response.json();
      Object.assign(this, { records, searching });
      this.tell(notes);
      // Who has one record only wants to see it.
      if (!this.arrived && !searching && records.length === 1) this.choice.left ??= records[0].name;
      this.arrived ||= !searching;
      this.update();
    } catch (error) {
      this.tell([`The records could not be listed: ${error.message}. Is TensorBoard still running?`]);
    }
    this.lookAgain();
  }

  lookAgain() {
    const drawing = this.records.some((record) => record.drawing > 0);
    this.looks = this.searching || drawing ? this.looks + 1 : 0;
    clearTimeout(this.timer);
    if (this.looks === 0 || this.looks > MOST_LOOKS) return;
    this.timer = setTimeout(() => this.load(), this.searching ? SEARCHING_MS : DRAWING_MS);
  }

  tell(notes) {
    this.notes.replaceChildren(...notes.map((note) => element("p", null, note)));
  }

  choose({ left, right }) {
    // Two with nothing on the left are one.
    this.choice = left ? { left, right: right === left ? "" : right } : { left: right };
    writeChoice(this.choice);
    this.update();
  }

  update() {
    const { left, right } = this.choice;
    this.updateBar();
    if (this.records.length === 0 && !left) this.fill(this.searching ? [] : [emptyState()], "empty");
    else if (!left) this.showList();
    else this.fill([this.opened("left", left), right && this.opened("right", right)].filter(Boolean), right ? "two" : "one");
  }

  updateBar() {
    const { left, right } = this.choice;
    const count = this.records.length;
    this.bar.hidden = count === 0 && !left;
    this.all.textContent = `All records (${count})`;
    this.all.setAttribute("aria-pressed", String(!left));
    this.fillSelect("left", left, right);
    this.fillSelect("right", right, left);
    this.selects.right.label.hidden = !left || (count < 2 && !right);
    this.swap.hidden = !right;
    this.verdict.textContent = right ? verdict(this.find(left), this.find(right)) : "";
  }

  fillSelect(side, chosen, other) {
    const { select } = this.selects[side];
    const none = side === "left" ? "choose a record" : "no other";
    const names = this.records.map((record) => record.name).filter((name) => name !== other);
    const offered = ["", ...names, ...(chosen && !names.includes(chosen) ? [chosen] : [])];
    // A list that is open would close.
    if (JSON.stringify(offered) !== select.dataset.offered) {
      select.replaceChildren(...offered.map((name) => element("option", { value: name }, name || none)));
      select.dataset.offered = JSON.stringify(offered);
    }
    select.value = chosen ?? "";
  }

  showList() {
    this.list.show(this.records);
    this.fill([this.list.root], "all");
  }

  opened(side, name) {
    const record = this.find(name);
    if (record) this.views[side].show(record);
    else this.views[side].showMissing(name, this.searching);
    return this.views[side].root;
  }

  /** Puts parts into the content; a frame that is there already must not be moved: it would load again. */
  fill(parts, layout) {
    this.content.dataset.layout = layout;
    for (const child of [...this.content.children]) if (!parts.includes(child)) child.remove();
    for (const part of parts) if (part.parentNode !== this.content) this.content.append(part);
  }

  find(name) {
    return this.records.find((record) => record.name === name);
  }
}

/** What the fingerprints say of two records. */
function verdict(left, right) {
  if (!left?.fingerprints.structure || !right?.fingerprints.structure) return "";
  const same = (name) => left.fingerprints[name] === right.fingerprints[name];
  if (!same("structure")) return `≠ other modules${difference(left, right)}`;
  if (left.fingerprints.dataflow && right.fingerprints.dataflow && !same("dataflow")) return "≠ same modules, other data flow";
  return same("trainable") ? "= same architecture" : "≠ same architecture, other parts train";
}

function difference(left, right) {
  if (left.parameters == null || right.parameters == null || left.parameters === right.parameters) return "";
  const more = right.parameters - left.parameters;
  return ` (right has ${Math.abs(more).toLocaleString()} parameters ${more > 0 ? "more" : "less"})`;
}

function emptyState() {
  const code = 'from modelviz_callbacks import ModelVizCallback, ModelVizHook\n\nTrainer(callbacks=[ModelVizCallback()])     # Lightning\n\nwith ModelVizHook(model, "runs/exp1"):      # a plain loop\n    train(model)';
  return element(
    "div",
    { class: "message" },
    element("h2", null, "No architecture records in this logdir yet"),
    element("p", null, "A record is made at the first training step, beside the run’s checkpoints:"),
    element("pre", { tabindex: 0 }, code),
    element("p", null, "It appears here when TensorBoard reloads, if it lies below the logdir. Links to other places are not followed."),
  );
}
