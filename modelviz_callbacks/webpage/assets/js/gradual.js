/** Appends what is made of entries, some at once, and the rest on demand. */
function appendGradually(place, entries, atOnce, make) {
  let shown = 0;
  const isList = /^[UO]L$/.test(place.tagName);
  const more = button("", () => add(), { class: "tool more" });
  const holder = isList ? element("li", { class: "rest" }, more) : more;
  const add = () => {
    holder.remove();
    const next = entries.slice(shown, shown + atOnce).map((entry, at) => make(entry, shown + at));
    place.append(...next);
    if (shown > 0) next[0]?.querySelector("a, button, summary")?.focus();
    shown += next.length;
    if (shown === entries.length) return;
    more.textContent = `Show ${exactCount(Math.min(atOnce, entries.length - shown))} of ${exactCount(entries.length - shown)} more`;
    place.append(holder);
  };
  add();
}
