"""The ways of showing a model, one file each."""
