"""Bundles: signed folders with everything that a board needs to run a design, and the keys for them."""
