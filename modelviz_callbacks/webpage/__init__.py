"""What all our pages are made of: one file each, that opens from disk and loads nothing."""
