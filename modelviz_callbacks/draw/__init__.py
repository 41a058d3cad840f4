"""DOT → SVG → PNG, in processes of their own. Nothing here imports torch."""
