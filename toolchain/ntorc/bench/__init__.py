"""Benchmarks: what docs/results.md states, each rerun by ``ntorc bench`` or ``ntorc reproduce``."""
