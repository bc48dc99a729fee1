"""Boards by name: targets, leases, keys, and measuring again what is deployed."""
