"""One page of two records: both diagrams, coloured by what changed."""
