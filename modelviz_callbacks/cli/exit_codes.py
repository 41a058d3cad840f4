"""What the command's exit status says to a script."""

SAME = 0
DIFFERENT = 1
ERROR = 2
# As shells have it for a program that Ctrl+C ended: 128 and the signal's number.
INTERRUPTED = 130
