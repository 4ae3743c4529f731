"""The local stack: starts, watches and stops PostgreSQL, Prefect's server, worker and API as child processes."""
