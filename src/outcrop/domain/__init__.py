"""The nouns: frozen values, typed requests, statuses and the error tree. No input or output happens here."""
