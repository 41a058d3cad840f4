"""Pages of two architectures, made without a record on disk."""

from pathlib import Path

from modelviz_callbacks.archive.reader import open_record
from modelviz_callbacks.comparison.record_diff import RecordDiff, compare_records
from modelviz_callbacks.diff_page.make import DiffPage, make_diff_page
from modelviz_callbacks.graph.model import ArchitectureGraph
from tests.report.archives import write_record


def compared(
    folder: Path, old: ArchitectureGraph, new: ArchitectureGraph, limit_s: float = 60.0
) -> tuple[RecordDiff, DiffPage]:
    """Writes two records, and gives their difference and its page."""
    records = [
        open_record(str(write_record(folder / name / "architecture", graph, input=_inputs(graph))))
        for name, graph in (("old", old), ("new", new))
    ]
    diff = compare_records(*records)
    return diff, make_diff_page(*records, diff, limit_s)


def _inputs(graph: ArchitectureGraph) -> dict[str, dict[str, object]]:
    """Describes what goes into the step, as a manifest does."""
    return {
        spec.name: {"shape": spec.shape, "dtype": spec.dtype, "device": spec.device}
        for node in graph.nodes
        if node.kind == "input"
        for spec in node.outputs
    }
