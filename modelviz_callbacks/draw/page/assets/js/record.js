/** The last tab: where the record comes from, and what is in it. */
function recordTab(architecture) {
  const { manifest } = architecture.facts;
  return (panel) => {
    panel.append(
      element(
        "div",
        { class: "cards" },
        card("First batch", specs(manifest.input ?? {})),
        ...(manifest.root_calls ?? []).map((call) =>
          card(`Call of ${call.path || "the model"}`, rootCall(call)),
        ),
        card("Environment", definitions(environment(manifest.environment ?? {}), { class: "facts" })),
        card(
          "Versions",
          definitions(Object.entries(manifest.environment?.versions ?? {}), { class: "facts" }),
        ),
        card(
          "Fingerprints",
          definitions(Object.entries(manifest.fingerprints ?? {}), { class: "facts hashes" }),
        ),
        card(
          "Totals",
          definitions(
            Object.entries(manifest.totals ?? {}).map(([name, value]) => [words(name), valueText(value)]),
            { class: "facts" },
          ),
        ),
        card(
          "Timings",
          definitions(
            Object.entries(manifest.timings ?? {}).map(([name, value]) => [words(name), `${value}`]),
            { class: "facts" },
          ),
        ),
        card("Files", artifacts(manifest.artifacts ?? []), "wide"),
      ),
    );
  };
}

function card(title, content, kind = "") {
  return element("section", { class: `card ${kind}` }, element("h2", null, title), content);
}

function specs(input) {
  const rows = Object.entries(input).map(([name, spec]) => [
    element("bdi", null, name),
    element("code", null, shapeText(spec)),
    spec.dtype,
    spec.device,
    spec.requires_grad ? "requires grad" : "",
  ]);
  return rows.length > 0
    ? table(["Name", "Shape", "Type", "Device", ""], rows)
    : element("p", { class: "faint" }, "Not seen.");
}

function rootCall(call) {
  const autocast = Object.entries(call.autocast ?? {}).map(([device, dtype]) => `${device}: ${dtype}`);
  return [
    definitions(
      [
        ["Class", call.class],
        ["Mode", call.training ? "train" : "eval"],
        ["Autocast", autocast.join(", ") || "off"],
      ],
      { class: "facts" },
    ),
    specs(call.inputs ?? {}),
  ];
}

function environment(given) {
  return Object.entries(given)
    .filter(([name]) => name !== "versions")
    .map(([name, value]) => [words(name), valueText(value)]);
}

function artifacts(list) {
  const rows = list
    .filter((artifact) => artifact.name !== "page")
    .map((artifact) => [
      element("bdi", null, [artifact.root, artifact.name].filter(Boolean).join(": ")),
      element(
        "span",
        { class: `status ${artifact.status === "ok" ? "good" : artifact.status === "failed" ? "bad" : ""}` },
        artifact.status,
      ),
      (artifact.files ?? []).map((file) => [element("a", { href: fileLink(file) }, file), " "]),
      `${(artifact.seconds ?? 0).toFixed(2)} s`,
      [artifact.error, ...(artifact.notes ?? [])]
        .filter(Boolean)
        .map((line) => element("p", { class: "small" }, line)),
    ]);
  return table(["Artifact", "Status", "Files", "Took", "Notes"], rows, { class: "artifacts" });
}

/** A link to a file beside this page; a name cannot lead anywhere else. */
function fileLink(name) {
  const parts = name.split("/").filter((part) => part !== "" && part !== "." && part !== "..");
  return `./${parts.map(encodeURIComponent).join("/")}`;
}

function words(name) {
  return name.replaceAll("_", " ");
}

function valueText(value) {
  if (value == null) return "";
  if (typeof value === "number") return exactCount(value);
  if (typeof value !== "object") return String(value);
  return Object.entries(value)
    .map(([name, inner]) => (Array.isArray(value) ? valueText(inner) : `${name}: ${valueText(inner)}`))
    .join(", ");
}
