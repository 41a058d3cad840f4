"""The notes on compiled code: one line for many modules alike."""

from modelviz_callbacks.watch.compiled_notes import CompiledNotes

SEEN = "was looked into in an extra eager forward"


def test_modules_alike_share_a_line() -> None:
    """A few are named, each once; the reasons are kept apart."""
    notes = CompiledNotes()
    assert notes.lines() == []
    notes.looked_into("")
    assert notes.lines() == [f"the model runs compiled; it {SEEN}"]
    notes = CompiledNotes()
    for index in [*range(5), 0]:
        notes.looked_into(f"blocks.{index}")
    for path in ("head", "tail"):
        notes.not_looked_into(path, ValueError("it is given an iterator"))
    notes.not_looked_into("neck", ValueError("it is sharded"))
    notes.function_called()
    notes.function_called()
    assert notes.lines() == [
        f"blocks.0, blocks.1, blocks.2 and 2 more run compiled; each {SEEN}",
        "head, tail run compiled; each was not looked into: it is given an iterator",
        "neck runs compiled; it was not looked into: it is sharded",
        "a compiled function was called; what runs inside it is not watched",
    ]
