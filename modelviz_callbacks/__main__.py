"""`python -m modelviz_callbacks` is the `modelviz` command."""

import sys

from modelviz_callbacks.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
