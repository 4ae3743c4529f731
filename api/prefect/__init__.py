"""The one place that talks to Prefect's API, in our own terms."""
