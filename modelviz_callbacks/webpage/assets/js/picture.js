const PAN_STEP = 80;
const ZOOM_STEP = 1.25;

/** A picture in a window, with buttons and keys. */
class Picture {
  constructor(label) {
    this.frame = element("div", { class: "frame", tabindex: 0, role: "group", "aria-label": label });
    this.tools = element(
      "div",
      { class: "tools", role: "toolbar", "aria-label": "Zoom" },
      button("+", () => this.viewport.zoomBy(ZOOM_STEP), {
        class: "tool",
        title: "Zoom in (+)",
        "aria-label": "Zoom in",
      }),
      button("−", () => this.viewport.zoomBy(1 / ZOOM_STEP), {
        class: "tool",
        title: "Zoom out (−)",
        "aria-label": "Zoom out",
      }),
      button("Fit", () => this.viewport.fit(), {
        class: "tool",
        title: "Show all of it (0)",
        "aria-label": "Fit to view",
      }),
      button("1:1", () => this.viewport.natural(), {
        class: "tool",
        title: "Natural size (1)",
        "aria-label": "Natural size",
      }),
    );
    this.root = element("div", { class: "picture" }, this.frame, this.tools);
    this.frame.addEventListener("keydown", (event) => this.key(event));
  }

  /** Must be called when `root` is on the page. */
  mount() {
    this.viewport = new Viewport(this.frame);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = this.actions()[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  actions() {
    const view = this.viewport;
    return {
      "+": () => view.zoomBy(ZOOM_STEP),
      "=": () => view.zoomBy(ZOOM_STEP),
      "-": () => view.zoomBy(1 / ZOOM_STEP),
      0: () => view.fit(),
      1: () => view.natural(),
      ArrowLeft: () => view.panBy(PAN_STEP, 0),
      ArrowRight: () => view.panBy(-PAN_STEP, 0),
      ArrowUp: () => view.panBy(0, PAN_STEP),
      ArrowDown: () => view.panBy(0, -PAN_STEP),
    };
  }
}
