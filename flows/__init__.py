"""The order of things: what one run of `check_source` does, from the job to the verdict."""
