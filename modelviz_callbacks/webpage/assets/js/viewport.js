const MARGIN = 24;
const LARGEST = 4;
// Below this a picture as a whole cannot be read: the page then begins at its top.
const READABLE = 0.6;
const CLOSE = 0.75;
const SETTLED_MS = 180;
// How near a click on what is painted small must be.
const REACH_PX = 6;
// From so many groups on a movement would stutter.
const STILL = 500;

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
    new ResizeObserver(() => this.update()).observe(frame);
    frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    // Its pinch adds a step for 80 pixels; what is small shall not leap, nor what is large creep.
    this.paper.addEventListener("panzoomstart", () =>
      this.panzoom.setOptions({ step: 0.8 * this.panzoom.getScale() }),
    );
    this.paper.addEventListener("panzoomchange", () => this.moved());
  }

  /** Shows a cleaned picture; one of very many groups never as a whole. */
  show({ svg, size, geometry }) {
    this.large?.canvas.remove();
    this.size = size;
    this.geometry = geometry;
    this.large = geometry.groups.length > MANY ? new LargeDrawing(this.frame, geometry) : null;
    this.paper.replaceChildren(svg);
    if (this.large) this.frame.prepend(this.large.canvas);
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
    if (wide < READABLE) this.showBeginning(width);
  }

  /** Moves sideways to the first box, where the data comes in. */
  showBeginning(width) {
    const nodes = this.geometry.groups.filter((group) => group.classList.contains("node"));
    if (nodes.length === 0) return;
    const places = nodes.map((group) => this.geometry.of(group));
    const { x, width: own } = places.reduce((first, place) => (place.y < first.y ? place : first));
    const scale = this.panzoom.getScale();
    const middle = width / 2 / scale - (x + own / 2);
    const [least, most] = [(width - MARGIN) / scale - this.size.width, MARGIN / scale];
    this.panzoom.pan(Math.max(least, Math.min(most, middle)), this.panzoom.getPan().y, {
      animate: false,
      force: true,
    });
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

  /** Moves to an element of the picture; `gently` only where it is not in sight as a whole. */
  moveTo(target, { gently = false } = {}) {
    const { width, height } = this.frame.getBoundingClientRect();
    const place = this.geometry.of(target);
    if (gently && this.isInSight(place, width, height)) return;
    const scale = Math.max(this.panzoom.getScale(), Math.min(CLOSE, (0.8 * width) / place.width));
    const middle = {
      x: place.x + place.width / 2,
      // Of what is taller than the window, the top is what there is to read.
      y: place.y + Math.min(place.height, (0.8 * height) / scale) / 2,
    };
    const animate =
      this.geometry.groups.length < STILL && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.panzoom.zoom(scale, { animate, force: true });
    this.panzoom.pan(width / 2 / scale - middle.x, height / 2 / scale - middle.y, { animate, force: true });
    this.update();
    this.large?.ensure(target);
  }

  isInSight(place, width, height) {
    const scale = this.panzoom.getScale();
    const { x, y } = this.panzoom.getPan();
    const [left, top] = [scale * (place.x + x), scale * (place.y + y)];
    if (this.large?.isAfar) return false;
    return (
      left >= 0 && top >= 0 && left + scale * place.width <= width && top + scale * place.height <= height
    );
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

  /** What is in sight, in pixels of the picture's natural size. */
  seen() {
    const { width, height } = this.frame.getBoundingClientRect();
    const scale = this.panzoom.getScale();
    const { x, y } = this.panzoom.getPan();
    return { x: -x, y: -y, width: width / scale, height: height / scale };
  }

  /** Brings what came in sight into a large picture. */
  update() {
    this.large?.update(this.seen(), this.panzoom.getScale());
  }

  /** The group of a box that was clicked. */
  boxAt(event) {
    if (!this.large?.isAfar) return event.target.closest(".box");
    const { left, top } = this.frame.getBoundingClientRect();
    const scale = this.panzoom.getScale();
    const { x, y } = this.panzoom.getPan();
    return this.large.at(
      (event.clientX - left) / scale - x,
      (event.clientY - top) / scale - y,
      REACH_PX / scale,
    );
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
    this.update();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.paper.classList.remove("moving"), SETTLED_MS);
  }
}
