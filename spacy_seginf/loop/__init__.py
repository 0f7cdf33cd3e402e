"""Reading a ranking, deciding, putting right and training again, with a known truth as the reviewer."""
