/** The columns of the module table. `value` is what is sorted by, `cell` what is shown. */
function moduleColumns(architecture) {
  const { whole } = architecture;
  const share = (key, title, human) => ({
    key,
    title,
    numeric: true,
    width: "9.5rem",
    value: ({ module }) => module.costs[key] ?? null,
    cell: ({ module }) => measured(module.costs[key], whole[key], human),
    text: ({ module }) => (module.costs[key] ? human(module.costs[key]) : ""),
  });
  const plain = (title, width, value, properties) => ({
    key: title,
    title,
    width,
    value,
    cell: (row) => element("span", null, value(row) ?? ""),
    text: value,
    ...properties,
  });
  return [
    nameColumn(architecture, "minmax(15rem, 2fr)"),
    plain("Class", "minmax(8rem, 1fr)", ({ module }) => shortClass(module.class)),
    share("parameters", "Parameters", humanCount),
    share("flops_forward", "FLOPs", humanCount),
    share("activation_bytes", "Activations", humanBytes),
    plain("Output", "minmax(9rem, 1fr)", ({ path }) => shapeTexts(architecture.firstCall(path)?.outputs)),
    plain("Calls", "4rem", ({ module }) => module.costs.calls || null, { numeric: true }),
    plain("Mode", "8rem", ({ module }) => modeText(module)),
  ];
}

/** The columns of the small tree beside the diagram. */
function treeColumns(architecture) {
  const parameters = moduleColumns(architecture).find((column) => column.key === "parameters");
  return [
    nameColumn(architecture, "minmax(0, 1fr)"),
    {
      ...parameters,
      width: "6.5rem",
      cell: ({ module }) => measured(module.costs.parameters, architecture.whole.parameters, humanCount),
    },
  ];
}

function nameColumn(architecture, width) {
  return {
    key: "path",
    title: "Module",
    width,
    value: ({ path }) => path,
    text: ({ path }) => path || "the model itself",
    cell: (entry, grid) => nameCell(architecture, entry, grid),
  };
}

function nameCell(architecture, { path, module, level, hasChildren, isOpen }, grid) {
  const family = architecture.family(module);
  const dot = element("span", { class: "dot-of-family", title: family.name });
  dot.style.background = `var(--p-${family.fill.slice(1).toLowerCase()}, ${family.fill})`;
  dot.style.borderColor = `var(--p-${family.line.slice(1).toLowerCase()}, ${family.line})`;
  const name = grid.model.flat ? path : path.slice(path.lastIndexOf(".") + 1);
  const cell = element(
    "span",
    { class: "name", title: `${path || "the model itself"} – ${module.class}` },
    element(
      "span",
      { class: `twist ${hasChildren ? "" : "none"}`, "aria-hidden": "true" },
      isOpen ? "▾" : "▸",
    ),
    dot,
    element("bdi", null, name || "model"),
    element("span", { class: "faint class" }, shortClass(module.class)),
  );
  cell.style.paddingInlineStart = `${level}rem`;
  return cell;
}

function measured(value, whole, human) {
  if (!value) return "";
  return [element("span", null, human(value)), bar(whole ? value / whole : 0, humanShare(value, whole))];
}

function modeText(module) {
  const marks = new Set(module.marks ?? []);
  marks.delete("eval");
  return [module.training ? "train" : "eval", ...marks].join(", ");
}
