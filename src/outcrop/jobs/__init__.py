"""What jobs do: one file per kind, run by a worker under a lease."""
