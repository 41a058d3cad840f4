"""How a record is called in file names and titles."""

from modelviz_callbacks.archive.layout import record_folder_name, safe_name
from modelviz_callbacks.archive.locate import record_number
from modelviz_callbacks.archive.places import holder, joined, last_part


def run_name(record: str) -> str:
    """Names a record by its run: `version_0`; a later one `version_0-architecture-2`.

    Args:
        record: The record's folder, a path or an fsspec URL.

    Returns:
        A name that any file may have.
    """
    folder = joined(record, ".")
    name = last_part(folder)
    if number := record_number(name):
        run = last_part(holder(folder))
        name = run if number == 1 else f"{run}-{record_folder_name(number)}"
    return safe_name(name)
