"""Our own paths, ``/outcrop/v1/…``: what AWS hides, one file per noun."""
