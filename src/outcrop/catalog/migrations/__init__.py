"""How the tables came to be what they are: one revision per change, applied when a catalog is opened."""
