"""Training the whole pipeline as a function of label weights, and what is predicted about it."""
