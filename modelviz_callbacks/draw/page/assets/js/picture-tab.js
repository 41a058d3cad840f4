/** Fills a tab with the pictures of a library, one for each root. */
function pictureTab(architecture, name, what) {
  const entries = architecture.facts.pictures.filter((picture) => picture.name === name);
  return async (panel) => {
    if (entries.length === 0) panel.append(absence(architecture.facts, name, what));
    else
      await choice(
        panel,
        entries,
        ({ root }) => root || "the model itself",
        (entry, place) => showPicture(entry, place, what),
      );
  };
}

async function showPicture(entry, place, what) {
  const picture = new Picture(`${what}. Plus, minus and 0 zoom, the arrow keys move.`);
  place.append(picture.root);
  picture.mount();
  picture.viewport.show(cleanSvg(await unpack(entry.block)));
  picture.viewport.home();
}
