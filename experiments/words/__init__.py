"""What Yeh et al. (2022) say of word embeddings, measured on taggers."""
