// Each kind of change has a sign and a word besides its colour. In the order in which one goes before another on a box.
const KINDS = {
  added: { sign: "+", title: "Added", word: "added" },
  removed: { sign: "−", title: "Removed", word: "removed" },
  changed: { sign: "≠", title: "Reconfigured", word: "reconfigured" },
  moved: { sign: "→", title: "Moved or renamed", word: "moved or renamed" },
  trained: { sign: "▲", title: "Trained now", word: "trained now" },
  frozen: { sign: "▼", title: "Not trained any more", word: "not trained any more" },
};
const PARTLY = { sign: "…", title: "Changed inside", word: "changed inside" };

function kindSign(kind) {
  const { sign } = KINDS[kind] ?? PARTLY;
  return element("span", { class: `kind ${kind}`, "aria-hidden": "true" }, sign);
}

/** What the colours and signs mean; only those that are there. */
function legend(kinds) {
  const entries = [...Object.keys(KINDS).filter((kind) => kinds.has(kind)), "partly"];
  return element(
    "ul",
    { class: "legend", "aria-label": "Legend" },
    entries.map((kind) => element("li", null, kindSign(kind), (KINDS[kind] ?? PARTLY).title)),
  );
}
