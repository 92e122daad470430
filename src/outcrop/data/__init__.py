"""Datasets: reading them line by line, checking them, and turning them into tokens."""
