// Elements are made here and nowhere else, and text only ever becomes text: what stands in a
// record is hostile until it went through here.

/** Makes an HTML element. `on…` properties are listeners, the others attributes. */
export function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return made;
}

export function button(label, onclick, properties) {
  return element("button", { type: "button", onclick, ...properties }, label);
}

/** A record's status in a few words, with its failures and what is being drawn. */
export function statusBadges(record) {
  const kind = { complete: "good", failed_step: "bad", unreadable: "bad" }[record.status] ?? "warn";
  const badge = (name, text) => element("span", { class: `badge ${name}` }, text);
  return [
    badge(kind, record.status === "unreadable" ? "unreadable" : record.said),
    record.drawing > 0 && badge("note", "being drawn"),
    record.failed > 0 && badge("warn", `${record.failed} failed`),
  ];
}

/** A point in time as people here write it. */
export function shownDate(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const shown = date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return element("time", { datetime: text, title: text }, shown);
}

/** The first letters of a fingerprint, as one would say it to somebody. */
export function shortFingerprint(record) {
  return (record.fingerprints.structure ?? "").replace(/^sha256:/, "").slice(0, 8);
}
