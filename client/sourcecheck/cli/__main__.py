"""`python -m sourcecheck.cli`: the command line, where `sourcecheck` is not on the PATH."""

from sourcecheck.cli.main import main

main()
