"""How well references name what is known to be the cause."""
