/** The head of the page: which model, when, how it went, and its totals. */
function fillOverview(header, architecture, themeButton) {
  const { manifest, record } = architecture.facts;
  const name = manifest.model?.class ?? "Model";
  header.append(
    element(
      "div",
      { class: "who" },
      element(
        "div",
        { class: "line" },
        element("h1", { title: name }, element("bdi", null, shortClass(name))),
        statusMark(manifest.status),
        themeButton.root,
      ),
      element("p", { class: "faint" }, element("bdi", null, name), " · ", record, " · ", timeText(manifest.created_at)),
    ),
    definitions(totals(manifest), { class: "totals" }),
  );
}

function totals(manifest) {
  const total = manifest.totals ?? {};
  const trained = total.trainable_parameters;
  const bytes = (total.parameter_bytes ?? 0) + (total.buffer_bytes ?? 0);
  return [
    ["Parameters", figure(humanCount(total.parameters), exactCount(total.parameters))],
    [
      "Trainable",
      trained == null ? null : figure(trainedText(trained, total.parameters), exactCount(trained)),
    ],
    ["Size", bytes ? figure(humanBytes(bytes), `${exactCount(bytes)} bytes, buffers included`) : null],
    ["FLOPs forward", flopsFigure(total)],
    [
      "Activations",
      total.activation_bytes ? figure(humanBytes(total.activation_bytes), "given out by leaf calls") : null,
    ],
    ["Runs on", [manifest.environment?.device, manifest.environment?.precision].filter(Boolean).join(", ")],
    ["Input", inputText(manifest.input ?? {})],
  ];
}

function inputText(input) {
  const entries = Object.entries(input);
  const texts = entries
    .slice(0, 2)
    .map(([name, spec]) => `${name} ${shapeText(spec)} ${spec.dtype ?? ""}`.trim());
  return texts.join(", ") + (entries.length > 2 ? `, … (${entries.length})` : "");
}
