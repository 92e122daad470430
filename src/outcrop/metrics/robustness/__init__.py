"""Robustness: what becomes of a model's responses when its prompts are perturbed. One file, one metric."""
