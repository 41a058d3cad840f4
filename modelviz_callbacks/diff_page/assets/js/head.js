/** The head of the page: which two, their totals, and what else is another. */
function fillHead(header, facts, themeButton) {
  const [old, now] = facts.sides;
  const name = (side) => shortClass(side.class) || "Model";
  const title = name(old) === name(now) ? name(now) : `${name(old)} → ${name(now)}`;
  header.append(
    element(
      "div",
      { class: "who" },
      element("div", { class: "line" }, element("h1", { title }, "Changes of ", element("bdi", null, title)), themeButton.root),
      element("p", { class: "faint" }, element("bdi", null, old.name), " → ", element("bdi", null, now.name)),
    ),
    definitions(totals(facts), { class: "totals" }),
    differences(facts.differences),
  );
}

function totals(facts) {
  const row = (title, name, human, remark = "") => {
    const least = facts.at_least[name] ?? [];
    if (least.some(Boolean)) return [title, bounds(facts.totals[name], least, human)];
    return [title, changed(...(facts.totals[name] ?? []), human, remark)];
  };
  // A larger batch takes more, whatever the architecture is.
  const flopsRemark = facts.same_input ? "" : ", for another input";
  return [
    row("Parameters", "parameters", humanCount),
    row("Trainable", "trainable_parameters", humanCount),
    row("Size", "parameter_bytes", humanBytes),
    row("Buffers", "buffers", humanCount),
    row("FLOPs forward", "flops_forward", humanCount, flopsRemark),
  ];
}

/** Figures of which not all was counted: their difference would say nothing. */
function bounds(numbers, least, human) {
  const [old, now] = numbers.map((number, i) => `${least[i] ? "at least " : ""}${human(number) || "?"}`);
  return element("span", null, old === now ? now : `${old} → ${now}`);
}

function changed(old, now, human, remark) {
  if (old == null && now == null) return null;
  if (old === now) return element("span", { title: exactCount(now) }, human(now), element("span", { class: "faint" }, " =") );
  const difference = old == null || now == null ? null : now - old;
  const sign = difference > 0 ? "+" : "−";
  const percent = old && difference != null ? Math.abs((100 * difference) / old) : 0;
  const share = percent < 0.05 ? "" : `, ${sign}${percent.toFixed(1)} %`;
  return element(
    "span",
    { title: `${exactCount(old) || "?"} → ${exactCount(now) || "?"}` },
    `${human(old) || "?"} → ${human(now) || "?"}`,
    difference != null && element("span", { class: "by" }, ` ${sign}${human(Math.abs(difference))}${share}${remark}`),
  );
}

/** Tables of what else is another; each lies closed under its count. */
function differences(tables) {
  return element(
    "div",
    { class: "differences" },
    tables.map(({ title, rows }) =>
      element(
        "details",
        null,
        element("summary", null, `${title}: ${plural(rows.length, "difference")}`),
        table(["", "Old", "New"], rows.map(([name, old, now]) => [name, old ?? "–", now ?? "–"])),
      ),
    ),
  );
}
