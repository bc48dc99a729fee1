"""The on-board agent: verifies, stores, programs, tests and measures designs on one board.

It runs on the board's own Python (3.10 or later) with numpy and pynq alone, and on the virtual
board with the unmodified pynq classes.  It imports nothing of ``ntorc``.
"""

__version__ = "0.1.0"
