"""OpenAI's API over our models: what a body asks, and what an answer looks like, one file per path."""
