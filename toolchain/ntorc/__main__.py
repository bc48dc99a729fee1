"""``python -m ntorc``."""

from ntorc.cli import program

program()
