"""Who may speak with the server: signatures, bearer keys, limits."""
