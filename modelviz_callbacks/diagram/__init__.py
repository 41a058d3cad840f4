"""Our diagram of a watched step, as DOT."""
