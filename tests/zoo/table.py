"""What every visualizer makes of every zoo model, as a Markdown table.

`python -m tests.zoo.table > docs/zoo.md` runs each model in a process of its own, so that a hang
or a crash costs one row.
"""

import argparse
import json
import multiprocessing
import re
import tempfile
import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelviz_callbacks import ModelVizHook
from modelviz_callbacks.settings import VISUALIZERS
from tests.zoo import MODELS, find_model
from tests.zoo.zoo_model import ZooModel

TIMEOUT_S = 120
COLUMNS = ("step", *VISUALIZERS)
LIBRARIES = ["torchvision", "timm", "transformers", "modelviz_callbacks.hook", "tests.zoo"]
# Children of a process that has imported the libraries once, and that never runs a model.
PROCESSES = multiprocessing.get_context("forkserver")
REASON_LENGTH = 60

HEADING = """# The zoo

What each visualizer makes of one real training step of each model, as
`python -m tests.zoo.table` prints it. `architecture` is our own graph with its table and
diagram: it needs no library and no extra forward. `skipped` tells why a model is not run a
second time. The last row counts them.
"""


@dataclass(frozen=True)
class Row:
    """One model's line.

    Attributes:
        parameters: How many it has, shared ones counted once; None where it was never built.
        outcomes: For the recorded step and each visualizer its status, and the reason where it is
            not `ok`; the status is `none` where the record does not even name a visualizer.
    """

    parameters: int | None
    outcomes: dict[str, tuple[str, str]]


def measure(model: ZooModel, folder: Path) -> Row:
    """Runs a recorded training step in this process."""
    net = model.build()
    hook = ModelVizHook(net, folder, formats=())
    step = ("ok", "")
    try:
        model.step(net)
    except Exception as error:  # noqa: BLE001 - what was recorded before it counts
        step = ("failed", f"{type(error).__name__}: {error}")
    hook.close()
    manifest = json.loads(next(folder.rglob("manifest.json")).read_text("utf-8"))
    parameters = sum(p.numel() for p in net.parameters())
    return Row(parameters, {"step": step} | visualizer_outcomes(manifest))


def visualizer_outcomes(manifest: dict[str, Any]) -> dict[str, tuple[str, str]]:
    found = {a["visualizer"]: (a["status"], a["error"] or "") for a in manifest["artifacts"]}
    missing = ("none", "; ".join(manifest["notes"]))
    return {name: found.get(name, missing) for name in VISUALIZERS}


def measure_into(file: Path, name: str) -> None:
    """Writes a model's row, as JSON."""
    warnings.simplefilter("ignore")
    try:
        row = measure(find_model(name), file.parent)
    except Exception as error:  # noqa: BLE001 - it costs one row
        row = everywhere(f"{type(error).__name__}: {error}")
    file.write_text(json.dumps(asdict(row)), "utf-8")


def measure_apart(model: ZooModel) -> Row:
    """Runs `measure` in a child process; what kills that becomes the row's reason."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "row.json"
        child = PROCESSES.Process(target=measure_into, args=(file, model.name))
        child.start()
        child.join(TIMEOUT_S)
        if child.is_alive():
            child.kill()
            child.join()
            return everywhere(f"no end after {TIMEOUT_S} s")
        if not file.exists():
            return everywhere(f"the process died with {child.exitcode}")
        return Row(**json.loads(file.read_text("utf-8")))


def everywhere(reason: str) -> Row:
    return Row(None, dict.fromkeys(COLUMNS, ("failed", reason)))


def cells(model: ZooModel, row: Row) -> list[str]:
    parameters = "?" if row.parameters is None else f"{row.parameters:,}"
    return [model.name, model.family, parameters, *(outcome(*o) for o in row.outcomes.values())]


def outcome(status: str, reason: str) -> str:
    """Writes a status with its reason, shortened, without what breaks a table or is an id."""
    text = re.sub(r"\d{9,}", "…", " ".join(reason.split())).replace("|", "\\|")
    text = text if len(text) <= REASON_LENGTH else f"{text[: REASON_LENGTH - 1]}…"
    return f"{status} ({text})" if text and status != "ok" else status


def totals(rows: list[Row]) -> list[str]:
    counts = [Counter(row.outcomes[name][0] for row in rows) for name in COLUMNS]
    texts = [", ".join(f"{n} {status}" for status, n in c.most_common()) for c in counts]
    return [f"**{len(rows)} models**", "", "", *(f"**{text}**" for text in texts)]


def line(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def write_table(models: list[ZooModel]) -> None:
    """Prints the table row by row, as the models are measured."""
    print(HEADING)
    print(line(["model", "family", "parameters", *COLUMNS]))
    print(line(["---", "---", "---:", *("---" for _ in COLUMNS)]))
    rows = []
    for model in models:
        rows.append(measure_apart(model))
        print(line(cells(model, rows[-1])), flush=True)
    print(line(totals(rows)))


def main(arguments: list[str] | None = None) -> None:
    """Prints the table of the whole zoo, or of a part of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="TEXT", default="", help="families and names with it")
    only = parser.parse_args(arguments).only
    PROCESSES.set_forkserver_preload(LIBRARIES)
    write_table([model for model in MODELS if only in f"{model.family} {model.name}"])


if __name__ == "__main__":
    main()
