"""Models that answer at once: worker processes that hold them, and how many requests each takes."""
