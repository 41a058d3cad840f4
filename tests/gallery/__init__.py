"""The gallery: pictures of models that people know, made by the package itself."""
