"""What `python -m benchmarks` measures, one part after the other."""
