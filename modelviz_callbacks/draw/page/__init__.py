"""The record's page: one file that is made in a process of its own."""
