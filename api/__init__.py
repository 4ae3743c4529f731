"""HTTP in, HTTP out. Only `prefect.py` and its parts `prefect_*.py` talk to Prefect."""
