"""The `modelviz` command: its arguments, its exit codes, and how it ends.

Nothing heavy is imported before a subcommand runs: `--help` is there at once.
"""

import argparse
import contextlib
import os
import sys
import traceback
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
from modelviz_callbacks.cli.exit_codes import ERROR, INTERRUPTED, SAME
from modelviz_callbacks.cli.output import accept_all_characters, shown
from modelviz_callbacks.errors import ModelVizError, one_line

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
# An error may quote what somebody wrote.
_MOST_LETTERS = 2_000
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
    except BrokenPipeError:
        # Whoever read, like `head`, has seen enough.
        _forget_output()
        return SAME
    except KeyboardInterrupt:
        return INTERRUPTED
    except ModelVizError as error:
        return _failed(options.command, str(error))
    except OSError as error:
        _forget_output()
        return _failed(options.command, one_line(error))
    except Exception:  # noqa: BLE001 - status 1, as Python has it, would say "different"
        traceback.print_exc()
        return ERROR
    return code


def _failed(command: str, reason: str) -> int:
    told = shown(reason)
    if len(told) > _MOST_LETTERS:
        told = f"{told[:_MOST_LETTERS]}…"
    print(f"modelviz {command}: {told}", file=sys.stderr)
    return ERROR


def _forget_output() -> None:
    """Drops what could not be written; Python would try again at its end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
