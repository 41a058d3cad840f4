"""Running libraries on a model without leaving a mark on it."""
