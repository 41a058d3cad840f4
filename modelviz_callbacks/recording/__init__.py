"""Making one record: the spine and its parts."""
