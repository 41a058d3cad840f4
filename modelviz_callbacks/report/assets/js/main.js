async function start() {
  const facts = JSON.parse(await unpack("facts"));
  const archive = new Archive(facts);
  const runs = new RunsTab(archive);
  const showRuns = async (architecture) => {
    await tabs.show("runs");
    runs.showArchitecture(architecture);
  };
  const architectures = new ArchitecturesTab(archive, showRuns);
  const evolution = new EvolutionTab(archive);
  fillHead(document.getElementById("overview"), archive, new ThemeButton());
  const notes = facts.notes.map((line) => ({ level: "note", title: line, lines: [line], paths: [] }));
  fillWarnings(document.getElementById("warnings"), notes, null);
  const views = [
    { name: "runs", title: "Runs", fill: (panel) => runs.fill(panel), shown: () => runs.grid.paint() },
    { name: "architectures", title: "Architectures", fill: (panel) => architectures.fill(panel) },
    { name: "evolution", title: "Evolution", fill: (panel) => evolution.fill(panel) },
  ];
  if (facts.broken.length > 0) {
    const title = `Not readable (${exactCount(facts.broken.length)})`;
    views.push({ name: "problems", title, fill: problemsTab(archive) });
  }
  const tabs = new Tabs(document.getElementById("tabs"), document.getElementById("panels"), views);
  new Printing(archive, runs);
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    tabs.show("runs").then(() => runs.filter.focus());
  });
  await tabs.show("runs");
}

function fillHead(header, archive, themeButton) {
  const { facts, runs } = archive;
  const changes = archive.lineages.reduce((sum, lineage) => sum + lineage.steps.length - 1, 0);
  const count = (number) => element("span", null, exactCount(number));
  header.append(
    element(
      "div",
      { class: "who" },
      element("div", { class: "line" }, element("h1", null, "Architectures of all runs"), themeButton.root),
      element("p", { class: "faint" }, element("bdi", null, facts.root), " · made ", timeText(facts.made_at)),
    ),
    definitions(
      [
        ["Runs", count(runs.length)],
        ["Models", count(archive.classes.length)],
        ["Architectures", count(archive.architectures.length)],
        ["Changes", count(changes)],
        ["First steps failed", failed(runs)],
        ["Not readable", facts.broken.length ? count(facts.broken.length) : null],
        ["From", dayText(runs.at(-1)?.date)],
        ["To", dayText(runs[0]?.date)],
      ],
      { class: "totals" },
    ),
  );
}

function failed(runs) {
  const count = runs.filter((run) => run.status === "failed_step").length;
  return count ? element("span", null, exactCount(count)) : null;
}

begin(start);
