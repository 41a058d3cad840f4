"""torchview's and torchviz' graphs, read out of their DOT and drawn in our visual language."""
