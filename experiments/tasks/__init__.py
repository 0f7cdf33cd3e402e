"""Other targets than entities, and probabilities."""
