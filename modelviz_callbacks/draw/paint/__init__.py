"""SVG → PNG: a picture spread over columns and sheets, so that its text can be read."""
