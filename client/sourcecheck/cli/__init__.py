"""The command line `sourcecheck`: one module a subject in `commands`, and the service's own commands where it is installed."""
