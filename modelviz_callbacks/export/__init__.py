"""The graph of a step in other programs' formats: pure functions, without torch."""
