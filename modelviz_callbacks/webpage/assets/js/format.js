const COUNT_UNITS = ["", "k", "M", "G", "T", "P", "E"];
const SIZE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** Three digits and a unit: `1.82 G`. */
function humanCount(number) {
  return scaled(number, 1000, COUNT_UNITS);
}

function humanBytes(number) {
  return scaled(number, 1024, SIZE_UNITS);
}

function scaled(number, base, units) {
  if (number == null) return "";
  let value = number;
  let unit = 0;
  while (value >= base - 0.5 && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  if (unit === 0) return `${number} ${units[0]}`.trimEnd();
  const decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(decimals)} ${units[unit]}`;
}

/** All digits: `11,689,512`. */
function exactCount(number) {
  return number == null ? "" : number.toLocaleString("en");
}

function humanShare(part, whole) {
  if (!part || !whole) return "";
  const percent = (100 * part) / whole;
  if (percent < 0.05) return "<0.1 %";
  return part === whole ? "100 %" : `${Math.min(percent, 99.9).toFixed(1)} %`;
}

function shapeText(spec) {
  if (!spec) return "";
  if (spec.shape === undefined) return "scalar";
  return `[${spec.shape.join(", ")}]`;
}

function shapeTexts(specs, most = 2) {
  const counted = new Map();
  for (const spec of specs ?? []) {
    const text = shapeText(spec);
    counted.set(text, (counted.get(text) ?? 0) + 1);
  }
  const texts = [...counted].map(([text, count]) => (count === 1 ? text : `${count} × ${text}`));
  return texts.slice(0, most).join(", ") + (texts.length > most ? ", …" : "");
}

function shortClass(name) {
  return (name ?? "").split(".").at(-1);
}

function plural(count, one, several = `${one}s`) {
  return `${exactCount(count)} ${count === 1 ? one : several}`;
}
