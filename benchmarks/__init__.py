"""Accuracy and speed of this project beside what a user would otherwise pick; `python -m benchmarks`."""
