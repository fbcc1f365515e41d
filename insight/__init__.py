"""What figures mean: the truth in tables, audiences, segments, benchmarks and their release."""
