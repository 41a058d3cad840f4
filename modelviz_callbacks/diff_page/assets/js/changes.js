const CHANGES_AT_ONCE = 150;
const FILTERED_FROM = 10;

/** The list of changes; a click goes to both boxes. */
class Changes {
  constructor(facts, goTo) {
    this.facts = facts;
    this.goTo = goTo;
    this.at = new Map();
    this.list = element("div", { class: "listed" });
    this.about = element("div", { class: "about", role: "status" });
    const filter = element("input", {
      type: "search",
      placeholder: "Filter changes",
      "aria-label": "Filter changes",
      oninput: () => this.fill(filter.value),
    });
    const isLong = facts.changes.length > FILTERED_FROM;
    this.root = element(
      "aside",
      { class: "changes", "aria-label": "Changes" },
      isLong && element("div", { class: "bar-of-tools" }, filter),
      this.list,
      this.about,
    );
    this.fill("");
  }

  fill(words) {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    this.list.replaceChildren();
    let shown = 0;
    for (const kind of Object.keys(KINDS)) {
      const found = this.facts.changes.filter((change) => change.kind === kind && matches(change, wanted));
      shown += found.length;
      if (found.length > 0) this.list.append(...this.section(kind, found));
    }
    if (this.facts.said.length > 0 && wanted.length === 0) {
      shown += 1;
      this.list.append(
        element("h2", null, "Besides"),
        element("ul", null, this.facts.said.map((text) => element("li", { class: "said" }, sentence(text)))),
      );
    }
    if (shown === 0)
      this.list.append(element("p", { class: "faint nothing" }, words ? "No such change." : "The architectures are the same."));
  }

  section(kind, changes) {
    const count = changes.reduce((sum, change) => sum + change.places.length, 0);
    const list = element("ul");
    appendGradually(list, changes, CHANGES_AT_ONCE, (change) => element("li", null, this.item(change)));
    return [element("h2", null, kindSign(kind), `${KINDS[kind].title} (${exactCount(count)})`), list];
  }

  item(change) {
    const { places } = change;
    const made = button("", () => this.take(change, made), {
      class: "change",
      "aria-current": change === this.current ? "true" : null,
    });
    made.append(
      element("span", { class: "names" }, element("bdi", null, change.subject)),
      element("span", { class: "what" }, change.text),
      element("span", { class: "faint small" }, gainText(change)),
    );
    if (places.length > 1) {
      const turn = element("span", { class: "turn faint small" });
      turn.textContent = this.turnText(change);
      made.append(turn);
    }
    return made;
  }

  turnText(change) {
    const at = this.at.get(change);
    const all = change.places.length;
    return at === undefined ? `${exactCount(all)} places: click goes to each in turn` : `${at + 1} of ${exactCount(all)}`;
  }

  take(change, made) {
    const at = this.at.has(change) ? (this.at.get(change) + 1) % change.places.length : 0;
    this.at.set(change, at);
    this.list.querySelector("[aria-current]")?.removeAttribute("aria-current");
    this.current = change;
    made.setAttribute("aria-current", "true");
    const turn = made.querySelector(".turn");
    if (turn) turn.textContent = this.turnText(change);
    this.goTo(change.places[at]);
  }

  /** Tells of what was chosen. */
  tell(lines) {
    this.about.replaceChildren(...lines);
  }
}

function matches(change, wanted) {
  if (wanted.length === 0) return true;
  const text = [change.text, change.subject, ...change.places.flat()].join("\n").toLowerCase();
  return wanted.every((word) => text.includes(word));
}

/** What was gained or lost with it. */
function gainText(change) {
  const gain = (count, unit) => {
    const sign = count > 0 ? "+" : "−";
    return count ? `${sign}${humanCount(Math.abs(count))} ${unit}` : "";
  };
  return [gain(change.parameters, "parameters"), gain(change.flops, "FLOPs")].filter(Boolean).join(", ");
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
