"""Annotated corpora in the formats that people keep them in, read with the place of every token, written back changed
only where a label changed."""
