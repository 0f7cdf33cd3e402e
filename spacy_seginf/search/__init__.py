"""From queries to the rows of an index that support and oppose them."""
