"""The tools that a person runs: load tests, chaos, comparisons, reports."""
