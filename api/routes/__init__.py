"""HTTP in, HTTP out: one controller for each subject, and no SQL and no Prefect in any of them."""
