"""What is another in two records, as plain data for a script."""

from dataclasses import asdict
from typing import Any

from modelviz_callbacks.comparison.costs_apart import TotalChange
from modelviz_callbacks.comparison.record_diff import ComparedRecord, RecordDiff
from modelviz_callbacks.graph.diff_items import is_rename
from modelviz_callbacks.graph.model import ModuleEntry


def diff_as_json(diff: RecordDiff) -> dict[str, Any]:
    """Gives all that a diff holds; keys may be added later, none is renamed.

    Args:
        diff: What is another.

    Returns:
        - `different`: whether the architectures differ; the exit code says the same.
        - `old`, `new`: of each record `directory`, `class`, `created_at`, `status`,
          `fingerprints`.
        - `modules`: `added` and `removed`, all of them in order, each with `path`, `class` and
          `config`; `moved`, each with `old`, `new` and `renamed` (whether it is in the same module
          as before), without what is in them; `changed`, each with `path` (the new one) and
          `changes`, of which each has `what`, `old`, `new` (texts; null where there is none) and
          `kind` (`class`, `config`, `state`, `dtype`, `tie`); `reordered`.
        - `trainable`: `now_trained` and `now_frozen`, names of parameters.
        - `flow`: `changes` with `kind`, `name`, `parent`, and how often in the `old` and the `new`
          step; `skips_added` and `skips_removed` with `parent`, `source`, `is_input`, `join` and
          `around`; `connections` with `target`, `lost` and `gained`; `rewired`. An end of a
          connection has `kind`, `name`, `parent`, and the id of its `node` in `architecture.json`.
        - `totals`: by the figure's name the `old` and the `new` number, null where not counted;
          `old_at_least` and `new_at_least` say of each whether it is that or more.
        - `parts`: what was gained or lost with the modules that came, went or changed: `kind`,
          `path`, `parameters`, `flops` (null where not comparable).
        - `input`, `environment`: what is another, each with `name`, `old`, `new` (texts or null).
        - `notes`: what a reader should know about the comparison.
    """
    graph = diff.graph
    return {
        "different": bool(diff),
        "old": _side(diff.old),
        "new": _side(diff.new),
        "modules": {
            "added": [_module(entry) for entry in graph.added],
            "removed": [_module(entry) for entry in graph.removed],
            "moved": [{**asdict(move), "renamed": is_rename(move)} for move in graph.moved],
            "changed": [asdict(module) for module in graph.changed],
            "reordered": graph.reordered,
        },
        "trainable": {"now_trained": graph.now_trained, "now_frozen": graph.now_frozen},
        "flow": {
            "changes": [asdict(change) for change in graph.flow],
            "skips_added": [asdict(skip) for skip in graph.skips_added],
            "skips_removed": [asdict(skip) for skip in graph.skips_removed],
            "connections": [asdict(change) for change in graph.connections],
            "rewired": graph.rewired,
        },
        "totals": {total.name: _total(total) for total in diff.totals},
        "parts": [asdict(part) for part in diff.parts],
        "input": [asdict(change) for change in diff.inputs],
        "environment": [asdict(change) for change in diff.environment],
        "notes": list(diff.notes),
    }


def _side(side: ComparedRecord) -> dict[str, Any]:
    values = asdict(side)
    values["class"] = values.pop("class_name")
    return values


def _total(total: TotalChange) -> dict[str, Any]:
    values = asdict(total)
    del values["name"]
    return values


def _module(entry: ModuleEntry) -> dict[str, Any]:
    return {"path": entry.path, "class": entry.class_name, "config": entry.config}
