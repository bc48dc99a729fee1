"""Boards, targets and deployments: from a bundle to a confirmed design that can be measured."""
