"""FINN: its environment, networks through it, and plans for a machine with the tools."""
