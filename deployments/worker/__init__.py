"""The worker behind the work pool type `sourcecheck`: takes flow runs up and runs them in warm processes."""
