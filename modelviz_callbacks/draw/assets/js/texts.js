/** Fills a tab with a visualizer's text, one for each root. */
function textTab(architecture, name, what) {
  const entries = architecture.facts.texts.filter((text) => text.name === name);
  return (panel) => {
    if (entries.length === 0) panel.append(absence(architecture.facts, name, what));
    else byRoot(panel, entries, (entry, place) => showText(entry, place, what));
  };
}

function showText(entry, place, what) {
  const copy = button("Copy", async () => announce(await copied(entry.content) ? "Copied" : "It could not be copied"), { class: "tool copy" });
  place.append(copy, element("pre", { class: "text", tabindex: 0, "aria-label": what }, entry.content));
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
