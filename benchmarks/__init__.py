"""Comparisons with what users would pick instead: ratios within one run, never asserted by a test.

`docs/benchmarks.md` has the commands, figures, and what each does not show.
"""
