"""What exists, and in which state."""
