/** Everything known about a module, an operation, an input or output. */
class Details {
  constructor(architecture, goTo) {
    this.architecture = architecture;
    this.goTo = goTo;
    this.root = element("aside", { class: "details", "aria-label": "Details", hidden: true });
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  /** Shows a thing; `box` is what it is drawn as, and `boxes` the diagram's. */
  show(thing, box, boxes) {
    const isOwn = box && (thing.path == null || boxes?.view.own(thing.path) === box);
    const node =
      isOwn && (box.paths ?? [""])[0] === (thing.path ?? (box.paths ?? [""])[0])
        ? this.architecture.nodes.get(box.node)
        : this.nodeOf(thing);
    const module = thing.path == null ? undefined : this.architecture.modules.get(thing.path);
    const parts = [
      this.head(thing, module, node, box),
      this.failure(node, thing),
      isOwn && this.standsFor(box, thing),
      box && !isOwn && this.inside(box),
      module && this.shares(module),
      this.shapes(node),
      module && this.costs(module),
      node && !module && this.ofOperation(node),
      module && this.states(module),
      box && boxes && this.neighbours(box, boxes),
    ];
    this.root.replaceChildren(...parts.filter(Boolean));
    this.root.hidden = false;
    this.root.scrollTop = 0;
    this.onchange?.(true);
  }

  close() {
    if (this.root.hidden) return;
    this.root.hidden = true;
    this.onchange?.(false);
    this.onclose?.();
  }

  nodeOf(thing) {
    return thing.path == null
      ? this.architecture.nodes.get(thing.node)
      : this.architecture.firstCall(thing.path);
  }

  head(thing, module, node, box) {
    const family = this.architecture.family(module);
    const chip = element(
      "span",
      { class: "chip" },
      module ? family.name : ((node?.kind === "op" ? "operation" : node?.kind) ?? "sequence"),
    );
    if (module) chip.style.background = `var(--p-${family.fill.slice(1).toLowerCase()}, ${family.fill})`;
    if (module) chip.classList.add("family");
    const name = module ? shortClass(module.class) : (node?.name ?? `${box?.count ?? 1} × in sequence`);
    return element(
      "header",
      null,
      button("✕", () => this.close(), { class: "tool close", "aria-label": "Close the details" }),
      element("h2", { tabindex: -1 }, element("bdi", null, name)),
      thing.path != null && this.breadcrumbs(thing.path),
      element("p", { class: "chips" }, chip, this.marks(module)),
      module && element("p", { class: "faint small" }, element("bdi", null, module.class)),
      module?.config && element("pre", { class: "config" }, module.config),
    );
  }

  breadcrumbs(path) {
    const names = path === "" ? [] : path.split(".");
    const links = names.map((name, place) => {
      const to = names.slice(0, place + 1).join(".");
      return [
        element("span", { class: "dot" }, place ? "." : ""),
        button(name, () => this.goTo(to), { class: "crumb" }),
      ];
    });
    const root = button("model", () => this.goTo(""), { class: "crumb faint" });
    return element(
      "p",
      { class: "crumbs", "aria-label": `Path ${path || "of the model itself"}` },
      root,
      " ",
      links,
    );
  }

  marks(module) {
    if (!module) return null;
    const marks = [...(module.marks ?? [])];
    if (!marks.includes("eval")) marks.unshift(module.training ? "train" : "eval");
    return marks.map((mark) => element("span", { class: `chip mark ${mark}` }, mark));
  }

  failure(node, thing) {
    const { failure } = this.architecture.facts;
    if (!failure) return null;
    const isHere = node && failure.node === node.id;
    if (!isHere && (thing.path == null || failure.path !== thing.path)) return null;
    return element(
      "div",
      { class: "banner error" },
      element(
        "div",
        { class: "told" },
        element("strong", null, failure.exception),
        element("p", null, failure.message),
      ),
    );
  }

  standsFor(box, thing) {
    if (box?.gathered) return this.gathered(box.gathered);
    const paths = box?.paths ?? [];
    if (paths.length < 2)
      return (
        box?.count > 1 &&
        element("p", { class: "stands" }, `The same module, ${box.count} times in sequence.`)
      );
    const items = paths.map((path) =>
      element(
        "li",
        null,
        button(path, () => this.goTo(path), { class: "path", "aria-current": path === thing.path }),
      ),
    );
    return element(
      "details",
      { class: "stands", open: paths.length <= 8 },
      element(
        "summary",
        null,
        `Stands for ${plural(paths.length, "module")}${box.count > 1 ? `, ${box.count} in sequence` : ""}`,
      ),
      element("ul", null, items),
    );
  }

  /** Says which box holds what has none of its own. */
  inside(box) {
    return element(
      "p",
      { class: "stands" },
      "Inside ",
      button(boxLabel(box, this.architecture), () => this.onbox?.(box), { class: "path" }),
    );
  }

  shares(module) {
    const { whole } = this.architecture;
    const { costs } = module;
    const rows = [
      ["of the parameters", costs.parameters, whole.parameters],
      ["of the FLOPs", costs.flops_forward, whole.flops_forward],
      ["of the activations", costs.activation_bytes, whole.activation_bytes],
    ].filter(([, part, all]) => part && all);
    return (
      rows.length > 0 &&
      element(
        "div",
        { class: "shares" },
        rows.map(([text, part, all]) => {
          const share = humanShare(part, all);
          return element(
            "div",
            { class: "share" },
            bar(part / all, `${share} ${text}`),
            element("span", null, element("b", null, share), ` ${text}`),
          );
        }),
      )
    );
  }

  shapes(node) {
    if (!node) return element("p", { class: "faint" }, "Not called in the first step.");
    const list = (title, specs) =>
      specs?.length > 0 &&
      element(
        "div",
        null,
        element("h3", null, title),
        element(
          "ul",
          { class: "tensors" },
          specs.map((spec) =>
            element(
              "li",
              null,
              spec.name && element("span", { class: "faint" }, `${spec.name} `),
              element("code", null, shapeText(spec)),
              element("span", { class: "faint" }, ` ${spec.dtype ?? ""} ${spec.device ?? ""}`),
            ),
          ),
        ),
      );
    return element("div", { class: "flow" }, list("In", node.inputs), list("Out", node.outputs));
  }

  costs(module) {
    const { costs } = module;
    const trained = costs.trainable_parameters;
    const least = costs.uncounted_calls ? "≥ " : "";
    return definitions(
      [
        ["Parameters", exactCount(costs.parameters)],
        ["of its own", module.own_parameters === costs.parameters ? null : exactCount(module.own_parameters)],
        ["Trainable", costs.parameters ? (trained === costs.parameters ? "all" : exactCount(trained)) : null],
        ["Size", costs.parameter_bytes ? humanBytes(costs.parameter_bytes) : null],
        ["Buffers", costs.buffers ? exactCount(costs.buffers) : null],
        ["FLOPs", costs.flops_forward == null ? null : `${least}${exactCount(costs.flops_forward)}`],
        ["Activations", costs.activation_bytes ? humanBytes(costs.activation_bytes) : null],
        ["Calls", costs.calls == null ? null : exactCount(costs.calls)],
        ["Mode", module.training ? "train" : "eval"],
        ["Runs", module.runs === "eager" ? null : module.runs],
        ["Same module as", module.tied_to],
      ],
      { class: "facts" },
    );
  }

  ofOperation(node) {
    const within = this.architecture.nodes.get(node.parent);
    const path = within?.path ?? (within ? "" : null);
    return element(
      "div",
      null,
      definitions([["FLOPs", node.flops == null ? null : exactCount(node.flops)]], { class: "facts" }),
      path != null &&
        element(
          "p",
          null,
          "In ",
          button(path || "the model itself", () => this.goTo(path), { class: "path" }),
        ),
    );
  }

  /** The operations that are drawn as one box; those of one name together. */
  gathered(ids) {
    const names = new Map();
    for (const id of ids) {
      const { name } = this.architecture.nodes.get(id);
      names.set(name, (names.get(name) ?? 0) + 1);
    }
    const items = [...names].map(([name, count]) =>
      element("li", null, count > 1 ? `${count} × ${name}` : name),
    );
    return element(
      "div",
      { class: "stands" },
      element("h3", null, `The first of ${plural(ids.length, "operation")} that are drawn as one box`),
      element("ul", null, items),
    );
  }

  states(module) {
    const rows = (states, kind) =>
      (states ?? []).map((state) => [
        element("bdi", null, state.name),
        element("code", null, state.shape === undefined ? "[]" : shapeText(state)),
        state.dtype,
        kind === "buffer" ? "buffer" : state.requires_grad ? "trainable" : "frozen",
        state.tied_to && `tied to ${state.tied_to}`,
      ]);
    const all = [...rows(module.parameters, "parameter"), ...rows(module.buffers, "buffer")];
    if (all.length === 0) return null;
    return element(
      "div",
      null,
      element("h3", null, "Own parameters and buffers"),
      table(["Name", "Shape", "Type", "", ""], all, { class: "states" }),
    );
  }

  neighbours(box, boxes) {
    const { sources, targets } = boxes.neighbours(box);
    const list = (title, found) =>
      found.length > 0 &&
      element(
        "div",
        null,
        element("h3", null, title),
        element(
          "ul",
          { class: "neighbours" },
          found.slice(0, 20).map((other) =>
            element(
              "li",
              null,
              button(boxLabel(other, this.architecture), () => this.onbox?.(other), { class: "path" }),
            ),
          ),
        ),
      );
    return element("div", null, list("From", sources), list("To", targets));
  }
}
