"""The promises of each protocol as a suite that any implementation's tests can run, and what they need."""
