const PROBLEMS_AT_ONCE = 500;

/** The records that cannot be read, each with its reason. */
function problemsTab(archive) {
  return (panel) => {
    const list = element("ul", { class: "problems" });
    appendGradually(list, archive.facts.broken, PROBLEMS_AT_ONCE, ([name, reason]) =>
      element("li", null, element("strong", null, element("bdi", null, name)), element("p", null, reason)),
    );
    panel.append(
      element(
        "div",
        { class: "page" },
        element("p", null, "These records were found and cannot be read. All else on this page is without them."),
        list,
      ),
    );
  };
}
