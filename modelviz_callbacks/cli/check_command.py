"""`modelviz check`: does a checkpoint fit a record or a model?"""

import argparse
from typing import Any

from modelviz_callbacks.cli.exit_codes import DIFFERENT, SAME
from modelviz_callbacks.cli.output import print_json

_DESCRIPTION = """\
Says whether a checkpoint fits a record or a model, and names what does not, before
load_state_dict does. Nothing of the checkpoint is run: names, shapes and dtypes are read alone,
of what torch.save wrote with weights_only=True, of safetensors from the header, of sharded
checkpoints from their metadata."""
_EPILOG = """\
examples:
  modelviz check runs/exp1/checkpoints/last.ckpt
  modelviz check weights.safetensors --record runs/exp1
  modelviz check pretrained.pt --key model --model my_package.models:make_resnet

Exit codes: 0 it fits, 1 it does not, 2 an error."""


def add_to(commands: Any) -> None:
    """Adds the subcommand to argparse's."""
    parser = commands.add_parser(
        "check",
        help="does a checkpoint fit a record or a model?",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="a file, or the folder of a sharded one"
    )
    against = parser.add_mutually_exclusive_group()
    against.add_argument(
        "--record",
        metavar="RECORD",
        help="what it should fit: a record or a run's folder; by default the record that the "
        "checkpoint itself names",
    )
    against.add_argument(
        "--model",
        metavar="PACKAGE.MODULE:FACTORY",
        help="what it should fit: what a function or class gives that is called without "
        "arguments. This runs your code",
    )
    parser.add_argument(
        "--key", help='where in the checkpoint its state dict is, like "model"; "." is all of it'
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from modelviz_callbacks.checkpoint.check import check_checkpoint

    fit = check_checkpoint(
        options.checkpoint, record=options.record, model=options.model, key=options.key
    )
    if options.json:
        print_json(fit.to_json())
    else:
        from modelviz_callbacks.cli.check_text import print_fit

        print_fit(fit)
    return SAME if fit.fits else DIFFERENT
