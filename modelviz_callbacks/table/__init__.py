"""Our table of a watched step, as text."""
