"""Bytes at URIs."""
