// How a record came out, in words that all pages use.

const STATUS = {
  complete: ["complete", "good"],
  failed_step: ["first step failed", "bad"],
  partial: ["partial record", "bad"],
};

function statusMark(status) {
  const [text, tone] = STATUS[status] ?? [status, "bad"];
  return element("span", { class: `status ${tone}` }, text);
}

function timeText(timestamp) {
  return (timestamp ?? "").replace("T", " ").replace("Z", " UTC");
}

/** A short figure; the mouse shows all of it. */
function figure(text, exact) {
  return text === "" ? null : element("span", { title: exact }, text);
}

function trainedText(trained, all) {
  return trained === all ? "all" : `${humanCount(trained)} (${humanShare(trained, all) || "0 %"})`;
}

function flopsFigure(total) {
  if (total.flops_forward == null) return null;
  const least = total.uncounted_calls ? "≥ " : "";
  return figure(least + humanCount(total.flops_forward), exactCount(total.flops_forward));
}
