"""The command line, `seglam`. Each command imports what it needs when it runs, so that `--help` is quick."""
