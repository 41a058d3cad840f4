/** Fills a tab with texts of visualizers: of each root, and where there are several kinds, of each kind. */
function textTab(architecture, kinds, what) {
  const entries = architecture.facts.texts.filter((text) => text.name in kinds);
  const order = Object.keys(kinds);
  entries.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const label = ({ name, root }) => [kinds[name], root && `of ${root}`].filter(Boolean).join(" ");
  return (panel) => {
    if (entries.length === 0) panel.append(absence(architecture.facts, order[0], what));
    else choice(panel, entries, label, (entry, place) => showText(entry, place, label(entry)));
  };
}

function showText(entry, place, what) {
  const copy = button(
    "Copy",
    async () => announce((await copied(entry.content)) ? "Copied" : "It could not be copied"),
    {
      class: "tool copy",
    },
  );
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
