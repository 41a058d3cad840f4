const OPEN_AT_FIRST = 200;

/** Which rows of the module tree there are: opened, filtered and sorted. Nothing of it is drawn. */
class TreeRows {
  constructor(architecture) {
    this.architecture = architecture;
    this.children = new Map();
    for (const [path, module] of architecture.modules) {
      const parent = this.holder(path);
      if (!this.children.has(parent)) this.children.set(parent, []);
      this.children.get(parent).push({ path, module });
    }
    this.open = new Set([""]);
    this.sorting = null;
    this.unsorted = "In the model's own order";
    this.filter = "";
    this.flat = false;
    this.openLevels();
  }

  holder(path) {
    for (let at = this.architecture.parentPath(path); at != null; at = this.architecture.parentPath(at)) {
      if (this.architecture.modules.has(at)) return at;
    }
    return null;
  }

  /** Opens as many levels as fit on a few screens. */
  openLevels() {
    let level = this.children.get("") ?? [];
    let count = level.length;
    while (level.length > 0) {
      const next = level.flatMap(({ path }) => this.children.get(path) ?? []);
      count += next.length;
      if (count > OPEN_AT_FIRST) return;
      level.forEach(({ path }) => this.children.has(path) && this.open.add(path));
      level = next;
    }
  }

  setAll(opened) {
    this.open = new Set(opened ? this.children.keys() : [""]);
  }

  toggle(path, opened = !this.open.has(path)) {
    if (opened) this.open.add(path);
    else this.open.delete(path);
  }

  /** Opens what a module is in. */
  openTo(path) {
    for (let at = this.holder(path); at != null; at = this.holder(at)) this.open.add(at);
  }

  /** The rows in order: module, level, whether it has children and is open. */
  rows() {
    const matches = this.filter ? this.matching() : null;
    if (this.flat) return this.flatRows(matches);
    const rows = [];
    this.collect(null, 0, matches, rows);
    return rows;
  }

  flatRows(matches) {
    const all = [...this.architecture.modules].map(([path, module]) => ({ path, module }));
    const kept = all.filter(({ path }) => !matches || matches.own.has(path));
    return sortedBy(this.sorting, kept).map((entry) => ({ ...entry, level: 0, hasChildren: false, isOpen: false }));
  }

  collect(parent, level, matches, rows) {
    const found = (this.children.get(parent) ?? []).filter(({ path }) => !matches || matches.above.has(path));
    for (const entry of sortedBy(this.sorting, found)) {
      const hasChildren = this.children.has(entry.path);
      const isOpen = hasChildren && (matches ? matches.opened.has(entry.path) : this.open.has(entry.path));
      rows.push({ ...entry, level, hasChildren, isOpen });
      if (isOpen) this.collect(entry.path, level + 1, matches, rows);
    }
  }

  /** What the filter finds, and all that it is in. */
  matching() {
    const words = this.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const [own, above, opened] = [new Set(), new Set(), new Set()];
    for (const [path, module] of this.architecture.modules) {
      const text = `${path} ${module.class}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
      own.add(path);
      above.add(path);
      for (let at = this.holder(path); at != null; at = this.holder(at)) {
        above.add(at);
        opened.add(at);
      }
    }
    return { own, above, opened };
  }
}
