"""What is in a checkpoint, whether it fits, and whose it is; nothing of it is run."""
