"""Engines: what computes tokens, log-probabilities and embeddings of one model."""
