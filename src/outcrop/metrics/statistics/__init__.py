"""Intervals and paired tests, all from a metric's rows."""
