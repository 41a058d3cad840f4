"""A record as plain data for scripts."""

import json
from dataclasses import asdict
from typing import Any

from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.errors import RecordError
from modelviz_callbacks.graph.costs import Costs, ModuleCost
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry
from modelviz_callbacks.graph.module_calls import calls_of
from modelviz_callbacks.graph.module_tree import ModuleTree
from modelviz_callbacks.table.step_sheet import ends_of


def record_in_full(record: Record, depth: int) -> dict[str, Any]:
    """Describes a record.

    Args:
        record: The record.
        depth: How many levels of modules below the model are told of.

    Returns:
        `directory`; `manifest`, as in the file; `problem`, null or why the graph cannot be read,
        then the rest is empty; `modules`, each with `path`, `class`, `config`, `training`, `runs`,
        `tied_to`, and the figures of all that is in it: `parameters`, `trainable_parameters`,
        `buffers`, `flops_forward` (null where not counted), `uncounted_calls`, `calls`; `inputs`
        and `outputs` of the step, each with `name`, `shape`, `dtype`, `device`; `failure`, null or
        where the step stopped, as in the graph's file.
    """
    problem = None
    graph = ArchitectureGraph()
    try:
        graph = record.graph()
    except RecordError as error:
        problem = str(error).removeprefix(f"{record.directory}: ")
    costs = Costs.of(graph).by_module()
    return {
        "directory": record.directory,
        "manifest": json.loads(record.manifest.to_json()),
        "problem": problem,
        "modules": [
            _module(entry, costs[entry.path])
            for entry in graph.modules
            if _level(entry.path) <= depth
        ],
        "inputs": list(map(asdict, ends_of(graph, "input"))),
        "outputs": list(map(asdict, ends_of(graph, "output"))),
        "failure": None if graph.failure is None else asdict(graph.failure),
    }


def module_in_full(graph: ArchitectureGraph, path: str) -> dict[str, Any]:
    """Describes one module.

    Args:
        graph: The graph.
        path: Its path.

    Returns:
        What `record_in_full` tells of it; its own `parameter_entries` and `buffer_entries` as in
        the graph's file, and `call_entries`, each with `inputs`, `outputs`, `fed_by` and `feeds`.
        Of a module that is `tied_to` another one, that one's.
    """
    tree = ModuleTree(graph.modules)
    first = tree.entries[tree.first_path(path)]
    return {
        **_module(tree.entries[path], Costs.of(graph).by_module()[path]),
        "parameter_entries": list(map(asdict, first.parameters)),
        "buffer_entries": list(map(asdict, first.buffers)),
        "call_entries": list(map(asdict, calls_of(graph, path))),
    }


def _module(entry: ModuleEntry, cost: ModuleCost) -> dict[str, Any]:
    return {
        "path": entry.path,
        "class": entry.class_name,
        "config": entry.config,
        "training": entry.training,
        "runs": entry.runs,
        "tied_to": entry.tied_to,
        "parameters": cost.parameters,
        "trainable_parameters": cost.trainable_parameters,
        "buffers": cost.buffers,
        "flops_forward": cost.flops_forward,
        "uncounted_calls": cost.uncounted_calls,
        "calls": cost.calls,
    }


def _level(path: str) -> int:
    return path.count(".") + 1 if path else 0
