"""Scoring models on a dataset."""
