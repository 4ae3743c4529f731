"""The command line `sourcecheck`: one module a subject in `commands`, and the service's commands where it is there."""
