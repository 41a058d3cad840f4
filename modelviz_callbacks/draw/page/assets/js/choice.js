/** Shows one of several things, with a choice where there is more than one. */
function choice(panel, entries, label, show) {
  const place = element("div", { class: "rooted" });
  const choose = (number) => {
    place.replaceChildren();
    return show(entries[number], place);
  };
  if (entries.length > 1) {
    const options = entries.map((entry, number) => element("option", { value: number }, label(entry)));
    const select = element("select", { onchange: () => choose(Number(select.value)) }, options);
    panel.append(element("div", { class: "bar-of-tools" }, element("label", null, "Show ", select)));
  }
  panel.append(place);
  return choose(0);
}

/** Says why something is not there. */
function absence(facts, name, what) {
  const artifacts = (facts.manifest.artifacts ?? []).filter((artifact) => artifact.name === name);
  const lines = artifacts.map((artifact) => {
    const of = artifact.root ? `${artifact.root}: ` : "";
    const why = artifact.status === "ok" ? "it is in the record, but not as an SVG" : artifact.status;
    return element("p", null, `${of}${why}${artifact.error ? `: ${artifact.error}` : ""}`);
  });
  if (artifacts.length === 0) lines.push(element("p", null, "It was not asked for."));
  return element("div", { class: "absent" }, element("h2", null, `There is no ${what}`), lines);
}
