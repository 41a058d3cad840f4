"""The state dict of a recorded model, as its graph's modules have it."""

from collections.abc import Iterator

from modelviz_callbacks.checkpoint.contents import StoredTensor
from modelviz_callbacks.checkpoint.findings import Expected
from modelviz_callbacks.errors import CheckpointError
from modelviz_callbacks.graph.model import ArchitectureGraph, ModuleEntry
from modelviz_callbacks.graph.module_tree import ModuleTree, own_name

# Modules that stand under several paths have their names under each: a graph of a few entries
# could have any number. All names of a real model together are far shorter.
_MOST_CHARACTERS = 100_000_000
# They take states that are neither parameters nor buffers, if there are any.
_OWN_STATES = ("torchmetrics.", "torch.ao.", "torch.nn.quantized.")
_COUNTER = "num_batches_tracked"
_COUNTED = {_COUNTER, "running_mean", "running_var"}


def expected_state(graph: ArchitectureGraph) -> Expected:
    """Gives the names, shapes and dtypes that a recorded model's state dict has.

    Args:
        graph: Of the record. One from before it was noted does not tell which buffers are in the
            state dict: these are optional.

    Raises:
        CheckpointError: If the record has too many names.
    """
    made = _Making()
    for path, entry in _modules(ModuleTree(graph.modules)):
        made.add(path, entry)
    return made.expected()


class _Making:
    def __init__(self) -> None:
        self._tensors: dict[str, StoredTensor] = {}
        self._optional: set[str] = set()
        self._counters: dict[str, str] = {}
        self._left_out: set[str] = set()
        self._open_to: list[str] = []
        self._compiled: set[str] = set()

    def add(self, path: str, entry: ModuleEntry) -> None:
        """Adds what a module holds itself."""
        start = f"{path}." if path else ""
        if entry.class_name.startswith(_OWN_STATES):
            self._open_to.append(start)
        if entry.runs == "compiled":
            self._compiled.add(path)
        for state in entry.parameters:
            self._tensors[start + state.name] = StoredTensor(state.shape, state.dtype)
        for state in entry.buffers:
            name = start + state.name
            if state.persistent is False:
                self._left_out.add(name)
                continue
            self._tensors[name] = StoredTensor(state.shape, state.dtype)
            if state.persistent is None:
                self._optional.add(name)
        if {state.name for state in entry.buffers} >= _COUNTED:
            self._counters[start + _COUNTER] = path

    def expected(self) -> Expected:
        """Gives what was added."""
        return Expected(
            self._tensors,
            frozenset(self._optional),
            self._counters,
            frozenset(self._left_out),
            tuple(self._open_to),
            frozenset(self._compiled),
        )


def _modules(tree: ModuleTree) -> Iterator[tuple[str, ModuleEntry]]:
    """Gives every module under each of its paths, as a state dict has it."""
    waiting = [("", "")] if "" in tree.entries else []
    characters = 0
    while waiting:
        path, first = waiting.pop()
        entry = tree.entries[first]
        characters += (len(path) + 1) * (1 + len(entry.parameters) + len(entry.buffers))
        if characters > _MOST_CHARACTERS:
            raise CheckpointError(
                f"the names of the record's modules have more than {_MOST_CHARACTERS:,} "
                "characters: they hold each other, or too much. Give another record."
            )
        yield path, entry
        for child in reversed(tree.children(first)):
            name = own_name(child.path)
            inner = tree.first_path(child.path)
            if inner in tree.entries:
                waiting.append((f"{path}.{name}" if path else name, inner))
