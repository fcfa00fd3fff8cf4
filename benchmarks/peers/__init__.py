"""The peers, one script each, run in `.venv-peers`: of this repository they see `benchmarks.harness` only.

Each stands at one setting, stated in µm and tuned on no picture, as a user with a known scale would
choose it.
"""

LEAST_LENGTH_UM = 200.0
"""Shorter branches are pruned, as a user would do who wants hairs: this project's own least length."""
