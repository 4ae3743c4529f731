"""Open jobs: each gets its turn, its run is read, and its end is written down."""
