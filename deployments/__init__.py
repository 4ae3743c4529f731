"""How it runs: worker, local stack, servers, and the command line."""
