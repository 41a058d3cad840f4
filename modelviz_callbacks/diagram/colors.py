"""The colours of the architecture diagram that belong to no family of modules."""

WHITE = "#FFFFFF"
TEXT = "#1A1A1A"
FAINT = "#393E43"
EDGE = "#5B6770"

# Inputs and outputs.
END_FILL = "#22313F"

# The count on blocks in sequence, and what lies behind the first block.
COUNT_FILL = "#1F2D3A"
STACK_FILL = "#CBD5DE"

# Containers in containers are a little darker, and lighter again.
NESTED_FILLS = ("#F7F9FB", "#EDF2F6")

FAILED_FILL = "#B3261E"
FAILED_LINE = "#7A0F0A"

# Fill and text of what is written on a module.
MARKS = {
    "frozen": ("#CFE9FC", "#0A3F66"),
    "eval": ("#E8DAFB", "#4A1F80"),
    "compiled": ("#DDE2E6", "#2B3238"),
    "scripted": ("#DDE2E6", "#2B3238"),
}
