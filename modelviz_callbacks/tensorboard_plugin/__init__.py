"""A tab of TensorBoard's that shows the records of a logdir. Nothing here imports torch."""
