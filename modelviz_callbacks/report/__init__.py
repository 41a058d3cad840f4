"""One page over all runs: a table, the different architectures, and how they evolved."""
