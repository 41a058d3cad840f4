"""The `modelviz` command: one file for each subcommand, thin over what the package can do."""
