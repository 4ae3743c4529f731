"""HTTP in, HTTP out. The only file here that talks to Prefect is `prefect.py`."""
