const MARGIN = 24;
const LARGEST = 4;
// Below this a picture as a whole cannot be read: the page then begins at its top.
const READABLE = 0.45;
const SETTLED_MS = 180;

/** A window on a picture that is panned and zoomed; nothing in the picture is laid out anew for it. */
class Viewport {
  constructor(frame) {
    this.frame = frame;
    // Without a size of its own, its transform's origin is its corner, whatever is in it.
    this.paper = element("div", { class: "paper" });
    frame.append(this.paper);
    this.size = { width: 1, height: 1 };
    this.panzoom = Panzoom(this.paper, {
      canvas: true,
      // What is clipped cannot be scrolled either, say by the focus.
      overflow: "clip",
      cursor: "grab",
      duration: 160,
      easing: "ease-out",
      maxScale: LARGEST,
      minScale: 0.02,
      // The frame shall have the keyboard's focus when it is pressed.
      handleStartEvent: () => {},
    });
    frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.paper.addEventListener("panzoomchange", () => this.moved());
  }

  show(svg, size) {
    this.size = size;
    this.paper.replaceChildren(svg);
    const { width, height } = this.frame.getBoundingClientRect();
    this.panzoom.setOptions({ minScale: Math.min(0.5, this.wholeScale(width, height) / 2) });
  }

  /** Shows all of the picture. */
  fit() {
    const { width, height } = this.frame.getBoundingClientRect();
    this.place(Math.min(1.25, this.wholeScale(width, height)), 0.5);
  }

  /** Shows all of the picture if it can be read then, else its beginning. */
  home() {
    const { width, height } = this.frame.getBoundingClientRect();
    const whole = Math.min(1.25, this.wholeScale(width, height));
    const wide = Math.min(1, (width - 2 * MARGIN) / this.size.width);
    if (whole >= READABLE) this.place(whole, 0.5);
    else this.place(Math.max(wide, READABLE), 0);
  }

  natural() {
    this.zoomTo(1);
  }

  zoomBy(factor) {
    this.zoomTo(this.panzoom.getScale() * factor);
  }

  zoomTo(scale) {
    const { left, top, width, height } = this.frame.getBoundingClientRect();
    this.panzoom.zoomToPoint(scale, { clientX: left + width / 2, clientY: top + height / 2 });
  }

  panBy(right, down) {
    const scale = this.panzoom.getScale();
    this.panzoom.pan(right / scale, down / scale, { relative: true });
  }

  /** Moves to an element of the picture; `gently` only as far as needed to see all of it. */
  moveTo(target, { gently = false } = {}) {
    const frame = this.frame.getBoundingClientRect();
    const rect = target.getBoundingClientRect();
    if (gently && inside(rect, frame)) return;
    const scale = this.panzoom.getScale();
    const closer = Math.max(scale, Math.min(READABLE * 1.6, (frame.width * 0.8 * scale) / rect.width));
    const now = this.panzoom.getPan();
    const middle = {
      x: (rect.left + rect.width / 2 - frame.left) / scale - now.x,
      // Of what is taller than the window, the top is what there is to read.
      y: (rect.top + Math.min(rect.height, (frame.height * 0.8 * scale) / closer) / 2 - frame.top) / scale - now.y,
    };
    this.panzoom.zoom(closer, { animate: false });
    const to = { x: frame.width / 2 / closer - middle.x, y: frame.height / 2 / closer - middle.y };
    this.panzoom.pan(to.x, to.y, { animate: !this.still(), force: true });
  }

  still() {
    return matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  wholeScale(width, height) {
    return Math.min((width - 2 * MARGIN) / this.size.width, (height - 2 * MARGIN) / this.size.height);
  }

  place(scale, vertical) {
    const { width, height } = this.frame.getBoundingClientRect();
    this.panzoom.zoom(scale, { animate: false, force: true });
    const right = (width / scale - this.size.width) / 2;
    const left = MARGIN / scale;
    const down = vertical ? (height / scale - this.size.height) * vertical : MARGIN / scale;
    this.panzoom.pan(this.size.width * scale > width ? left : right, down, { animate: false, force: true });
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const step = Math.max(-120, Math.min(120, event.deltaY * lines));
    this.panzoom.zoomToPoint(this.panzoom.getScale() * Math.exp(-step / 400), event);
  }

  /** While it moves, the picture is a layer that is only shifted; then it is painted sharp again. */
  moved() {
    this.paper.classList.add("moving");
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.paper.classList.remove("moving"), SETTLED_MS);
  }
}

function inside(inner, outer) {
  return inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top && inner.bottom <= outer.bottom;
}
