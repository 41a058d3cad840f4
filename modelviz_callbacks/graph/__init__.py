"""The architecture as plain data."""
