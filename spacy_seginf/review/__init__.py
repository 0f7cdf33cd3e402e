"""A page on which people decide about suspicious training labels: served locally, or as one file."""
