"""`python -m deployments.cli`: the command line, where `sourcecheck` is not on the PATH."""

from sourcecheck_service import main

main()
