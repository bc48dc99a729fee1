"""ntorc: learned estimators in the control loops of physical systems, on FPGAs, under hard deadlines."""

__version__ = "0.1.0"
