"""The `modelviz` command: its arguments, its exit codes, and how it ends.

Nothing heavy is imported before a subcommand runs: `--help` is there at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence

import modelviz_callbacks
from modelviz_callbacks.cli import (
    check_command,
    diff_command,
    draw_command,
    export_command,
    list_command,
    report_command,
    show_command,
)
from modelviz_callbacks.cli.exit_codes import ERROR, INTERRUPTED
from modelviz_callbacks.cli.output import accept_all_characters
from modelviz_callbacks.errors import ModelVizError

# In the order in which --help lists them.
_COMMANDS = (
    list_command,
    show_command,
    diff_command,
    check_command,
    draw_command,
    report_command,
    export_command,
)
_DESCRIPTION = "Find, compare and draw the architecture records of your training runs."
_EPILOG = "Exit codes: 0 fine or the same, 1 different or not fitting, 2 an error."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: What follows the command's name; by default what the process was given.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    accept_all_characters()
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except ModelVizError as error:
        print(f"modelviz {options.command}: {error}", file=sys.stderr)
        return ERROR
    except BrokenPipeError:
        # Whoever read, like `head`, has seen enough; Python would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("modelviz", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {modelviz_callbacks.__version__}"
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
