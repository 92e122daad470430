"""Where models come from, what they are by content, and how their text and tensors are read."""
