"""Grammar, word lists and checks behind ``scripts/make_corpus.py``."""
