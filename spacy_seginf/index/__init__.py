"""The index on disk: encoded documents, rows sorted by norm, and the tables that a search reads."""
