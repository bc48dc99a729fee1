"""Deployments that are cut off at every step: what survives, shown on a real sshd and a virtual board."""
