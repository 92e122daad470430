"""A model as judge: what it is asked, how its rulings are read, and how far they can be trusted."""
