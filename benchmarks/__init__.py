"""Measured, never asserted: `python -m benchmarks list`, `python -m benchmarks run NAME`."""
