/** Tabs after the pattern of the ARIA guide; a panel is filled when it is first shown. */
class Tabs {
  constructor(list, panels, views) {
    this.views = views;
    this.tabs = views.map((view) => this.tab(view));
    this.panels = views.map((view) => this.panel(view));
    list.append(
      element("div", { role: "tablist", "aria-label": "Views", onkeydown: (e) => this.key(e) }, this.tabs),
    );
    panels.append(...this.panels);
    this.current = null;
  }

  tab(view) {
    const properties = { role: "tab", id: `tab-${view.name}`, "aria-controls": `panel-${view.name}` };
    return button(view.title, () => this.show(view.name), properties);
  }

  panel(view) {
    return element("section", {
      role: "tabpanel",
      id: `panel-${view.name}`,
      class: `panel ${view.name}`,
      "aria-labelledby": `tab-${view.name}`,
      hidden: true,
    });
  }

  async show(name) {
    const place = this.views.findIndex((view) => view.name === name);
    this.current = name;
    this.views.forEach((view, index) => {
      const chosen = index === place;
      this.tabs[index].setAttribute("aria-selected", chosen);
      this.tabs[index].tabIndex = chosen ? 0 : -1;
      this.panels[index].hidden = !chosen;
    });
    document.body.dataset.view = name;
    const view = this.views[place];
    if (!view.filled) {
      view.filled = true;
      await view.fill(this.panels[place]);
    }
    await view.shown?.();
  }

  key(event) {
    const place = this.views.findIndex((view) => view.name === this.current);
    const last = this.views.length - 1;
    const next = {
      ArrowRight: place === last ? 0 : place + 1,
      ArrowLeft: place === 0 ? last : place - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.show(this.views[next].name);
    this.tabs[next].focus();
  }
}
