"""Publishing a record: one file per kind of logger."""
