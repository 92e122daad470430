"""Training: methods turn batches into a loss, and one loop serves them all."""
