"""Small pictures of diagrams, painted in a child process."""
