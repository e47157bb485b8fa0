"""Faults done to a running platform from outside, and what must hold afterwards (docs/faults.md)."""
