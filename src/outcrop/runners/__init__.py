"""Where a job's work runs."""
