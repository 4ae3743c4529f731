"""A job between its request and its answer: handed to Prefect, followed, and ended once."""
