async function start() {
  const facts = JSON.parse(await unpack("facts"));
  const architecture = new Architecture(facts);
  const details = new Details(architecture, (path) => goTo({ path, node: null }));
  const diagram = new DiagramTab(architecture, details);
  const modules = new ModulesTab(architecture, details, (path) => goTo({ path, node: null }));
  const goTo = async (thing) => {
    if (tabs.current === "modules" && thing.path != null && details.root.contains(document.activeElement)) {
      modules.choose(thing.path);
      details.show(thing, null, null);
      return;
    }
    await tabs.show("diagram");
    await diagram.goTo(thing);
  };
  fillOverview(document.getElementById("overview"), architecture, new ThemeButton());
  fillWarnings(document.getElementById("warnings"), facts.warnings, (path) => goTo({ path, node: null }));
  const tabs = new Tabs(
    document.getElementById("tabs"),
    document.getElementById("panels"),
    views(architecture, diagram, modules),
  );
  new Printing(architecture, diagram);
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    tabs.show("diagram").then(() => diagram.search.field.focus());
  });
  await tabs.show("diagram");
}

function views(architecture, diagram, modules) {
  const showModules = () => {
    modules.shown();
    modules.choose(diagram.tree.chosen);
  };
  return [
    { name: "diagram", title: "Diagram", fill: (panel) => diagram.fill(panel), shown: () => diagram.shown() },
    { name: "modules", title: "Modules", fill: (panel) => modules.fill(panel), shown: showModules },
    {
      name: "torchinfo",
      title: "torchinfo",
      fill: textTab(
        architecture,
        { summary: "torchinfo's table", table: "our own table" },
        "torchinfo's table",
      ),
    },
    {
      name: "repr",
      title: "print(model)",
      fill: textTab(architecture, { modules: "print(model)" }, "print(model)"),
    },
    {
      name: "torchview",
      title: "torchview",
      fill: pictureTab(architecture, "torchview", "torchview's picture"),
    },
    {
      name: "autograd",
      title: "Autograd",
      fill: pictureTab(architecture, "autograd", "picture of the autograd graph"),
    },
    { name: "record", title: "Record", fill: recordTab(architecture) },
  ];
}

begin(start);
