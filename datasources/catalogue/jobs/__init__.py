"""Jobs: their turn, their questions, their end, and what a worker needs to run one."""
