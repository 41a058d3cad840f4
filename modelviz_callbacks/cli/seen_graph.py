"""The graph of a record that somebody names, for the commands that show how data flowed."""

from modelviz_callbacks.archive.reader import Record
from modelviz_callbacks.errors import RecordError
from modelviz_callbacks.graph.model import ArchitectureGraph
from modelviz_callbacks.records import load_record


def load_seen(place: str) -> tuple[Record, ArchitectureGraph]:
    """Opens a record in which there is something to be seen.

    Args:
        place: What `load_record` takes.

    Raises:
        RecordError: If there is none, or no call and no operation was seen in its step.
    """
    record = load_record(place)
    graph = record.graph()
    # A step that raised at once may have nothing to connect.
    if graph.failure is None and not graph.edges:
        raise RecordError(
            f"{record.directory}: no data flow was seen in the step of this record: there is "
            f"nothing to draw. `modelviz show` lists its modules."
        )
    return record, graph
