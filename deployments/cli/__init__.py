"""The command line `sourcecheck`."""
