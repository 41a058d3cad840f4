const MOST_RESULTS = 60;

/** Finds modules by path or class, and operations, inputs and outputs by name. */
class Finder {
  constructor(architecture) {
    this.entries = [];
    for (const [path, module] of architecture.modules) {
      const name = shortClass(module.class);
      this.entries.push({
        thing: { path, node: null },
        title: path || "the model itself",
        kind: name,
        text: `${path} ${name}`.toLowerCase(),
      });
    }
    for (const node of architecture.nodes.values()) {
      if (node.kind === "module") continue;
      const within = architecture.nodes.get(node.parent)?.path ?? "";
      const kind = node.kind === "op" ? `operation${within && ` in ${within}`}` : node.kind;
      this.entries.push({
        thing: { path: null, node: node.id },
        title: node.name,
        kind,
        text: `${node.name} ${kind}`.toLowerCase(),
      });
    }
  }

  /** The best results first: whole names, then beginnings, then the rest in order. */
  find(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return [];
    const found = this.entries.filter((entry) => words.every((word) => entry.text.includes(word)));
    const rank = ({ title, kind }) => {
      const [name, whole] = [title.toLowerCase(), words.join(" ")];
      if (name === whole) return 0;
      if (name.endsWith(`.${whole}`)) return 1;
      if (kind.toLowerCase() === whole) return 2;
      return name.startsWith(whole) ? 3 : 4;
    };
    return found
      .map((entry, place) => [rank(entry), place, entry])
      .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .map(([, , entry]) => entry);
  }
}

/** The field, and the list of results below it (the combobox of the ARIA guide). */
class Search {
  constructor(architecture, goTo) {
    this.finder = new Finder(architecture);
    this.goTo = goTo;
    this.found = [];
    this.active = -1;
    this.field = element("input", {
      type: "search",
      role: "combobox",
      placeholder: "Search path or class  /",
      "aria-label": "Search by path or class",
      "aria-expanded": "false",
      "aria-controls": "found",
      "aria-autocomplete": "list",
      autocomplete: "off",
      spellcheck: "false",
      oninput: () => this.update(),
      onkeydown: (event) => this.key(event),
      onfocus: () => this.update(),
      onblur: () => setTimeout(() => this.close(), 150),
    });
    this.list = element("ul", { id: "found", role: "listbox", "aria-label": "Results", hidden: true });
    this.root = element("div", { class: "search" }, this.field, this.list);
  }

  update() {
    this.found = this.finder.find(this.field.value);
    const shown = this.found.slice(0, MOST_RESULTS);
    this.list.replaceChildren(...shown.map((entry, place) => this.option(entry, place)));
    if (this.found.length > shown.length)
      this.list.append(
        element(
          "li",
          { class: "faint", role: "presentation" },
          `and ${exactCount(this.found.length - shown.length)} more`,
        ),
      );
    this.setActive(shown.length > 0 ? 0 : -1);
    const asked = this.field.value.trim() !== "";
    if (asked && shown.length === 0)
      this.list.append(element("li", { class: "faint", role: "presentation" }, "Nothing found"));
    this.list.hidden = !asked;
    this.field.setAttribute("aria-expanded", asked);
    if (asked) announce(plural(this.found.length, "result"));
  }

  option(entry, place) {
    return element(
      "li",
      {
        role: "option",
        id: `found-${place}`,
        "aria-selected": "false",
        onpointerdown: (event) => this.press(event, place),
      },
      element("bdi", null, entry.title),
      element("span", { class: "faint" }, entry.kind),
    );
  }

  press(event, place) {
    event.preventDefault();
    this.take(place);
  }

  setActive(place) {
    this.list.children[this.active]?.setAttribute("aria-selected", "false");
    this.active = place;
    const option = this.list.children[place];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.field.setAttribute("aria-activedescendant", option.id);
    else this.field.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const last = Math.min(this.found.length, MOST_RESULTS) - 1;
    const actions = {
      ArrowDown: () => this.setActive(Math.min(last, this.active + 1)),
      ArrowUp: () => this.setActive(Math.max(0, this.active - 1)),
      Enter: () => this.take(this.active),
      Escape: () => this.close(),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  take(place) {
    const entry = this.found[place];
    if (!entry) return;
    this.close();
    this.goTo(entry.thing);
  }

  close() {
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
  }
}
