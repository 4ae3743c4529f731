"""The two HTTP servers as processes: Prefect's and ours, with their logs."""
