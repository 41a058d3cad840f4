const CHART = { width: 640, height: 130, left: 58, right: 12, top: 10, bottom: 24 };

function drawn(tag, properties, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Parameters over time: a line that steps where they change, and a mark where the architecture does. */
function parameterChart(lineage) {
  const runs = lineage.runs.filter((run) => run.parameters != null && !Number.isNaN(Date.parse(run.date)));
  if (runs.length < 2) return null;
  const times = runs.map((run) => Date.parse(run.date));
  const [first, last] = [times[0], times.at(-1)];
  const most = Math.max(...runs.map((run) => run.parameters), 1);
  const least = Math.min(...runs.map((run) => run.parameters));
  // From zero, unless that would hide all that changes.
  const ground = least > 0.8 * most && least < most ? least - (most - least) : 0;
  // Runs of one moment stand side by side.
  const across = (place) => (last > first ? (times[place] - first) / (last - first) : place / (runs.length - 1));
  const x = (place) => CHART.left + across(place) * (CHART.width - CHART.left - CHART.right);
  const y = (count) =>
    CHART.top + (1 - (count - ground) / (most - ground)) * (CHART.height - CHART.top - CHART.bottom);
  const places = new Map(runs.map((run, place) => [run.place, place]));
  const marks = lineage.steps.filter((step) => places.has(step.run));
  return drawn(
    "svg",
    { viewBox: `0 0 ${CHART.width} ${CHART.height}`, class: "chart", role: "img", "aria-label": chartLabel(runs) },
    ...axis(y, ground, most),
    ...[
      ["start", first, CHART.left],
      ["end", last, CHART.width - CHART.right],
    ].map(([anchor, time, at]) =>
      label(new Date(time).toISOString().slice(0, 10), at, CHART.height - 6, anchor),
    ),
    drawn("path", { d: stepsPath(runs, x, y), class: "line" }),
    ...marks.map((step) => {
      const place = places.get(step.run);
      const dot = drawn("circle", { cx: x(place).toFixed(1), cy: y(runs[place].parameters).toFixed(1), r: 4 });
      const title = drawn("title", {});
      title.textContent = `${runs[place].name}: ${humanCount(runs[place].parameters)}`;
      dot.append(title);
      return dot;
    }),
  );
}

function axis(y, ground, most) {
  return [ground, most].flatMap((count) => [
    drawn("line", { x1: CHART.left, x2: CHART.width - CHART.right, y1: y(count), y2: y(count), class: "scale" }),
    label(humanCount(Math.round(count)), CHART.left - 6, y(count) + 4, "end"),
  ]);
}

function label(text, x, y, anchor) {
  const made = drawn("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}

/** One point for each change: ten thousand equal runs are one line. */
function stepsPath(runs, x, y) {
  let path = "";
  runs.forEach((run, place) => {
    const isChange = place === 0 || run.parameters !== runs[place - 1].parameters;
    if (isChange) path += `${path ? "H" : "M"}${x(place).toFixed(1)}${path ? "V" : ","}${y(run.parameters).toFixed(1)}`;
    else if (place === runs.length - 1) path += `H${x(place).toFixed(1)}`;
  });
  return path;
}

function chartLabel(runs) {
  const [first, last] = [runs[0], runs.at(-1)];
  return (
    `Parameters over ${plural(runs.length, "run")}: ` +
    `${humanCount(first.parameters)} on ${dayText(first.date)}, ${humanCount(last.parameters)} on ${dayText(last.date)}`
  );
}
