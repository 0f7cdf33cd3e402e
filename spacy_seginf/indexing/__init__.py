"""From a trained pipeline and its corpus to an index."""
