const STATUS = {
  complete: ["complete", "good"],
  failed_step: ["first step failed", "bad"],
  partial: ["partial record", "bad"],
};

/** The head of the page: which model, when, how it went, and its totals. */
function fillOverview(header, architecture, themeButton) {
  const { manifest, record } = architecture.facts;
  const name = manifest.model?.class ?? "Model";
  const [status, tone] = STATUS[manifest.status] ?? [manifest.status, "bad"];
  const when = (manifest.created_at ?? "").replace("T", " ").replace("Z", " UTC");
  header.append(
    element(
      "div",
      { class: "who" },
      element(
        "div",
        { class: "line" },
        element("h1", { title: name }, element("bdi", null, shortClass(name))),
        element("span", { class: `status ${tone}` }, status),
        themeButton.root,
      ),
      element("p", { class: "faint" }, element("bdi", null, name), " · ", record, " · ", when),
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
    ["FLOPs forward", flops(total)],
    [
      "Activations",
      total.activation_bytes ? figure(humanBytes(total.activation_bytes), "given out by leaf calls") : null,
    ],
    ["Runs on", [manifest.environment?.device, manifest.environment?.precision].filter(Boolean).join(", ")],
    ["Input", inputText(manifest.input ?? {})],
  ];
}

function figure(text, exact) {
  return text === "" ? null : element("span", { title: exact }, text);
}

function trainedText(trained, all) {
  return trained === all ? "all" : `${humanCount(trained)} (${humanShare(trained, all) || "0 %"})`;
}

function flops(total) {
  if (total.flops_forward == null) return null;
  const least = total.uncounted_calls ? "≥ " : "";
  return figure(least + humanCount(total.flops_forward), exactCount(total.flops_forward));
}

function inputText(input) {
  const entries = Object.entries(input);
  const texts = entries
    .slice(0, 2)
    .map(([name, spec]) => `${name} ${shapeText(spec)} ${spec.dtype ?? ""}`.trim());
  return texts.join(", ") + (entries.length > 2 ? `, … (${entries.length})` : "");
}
