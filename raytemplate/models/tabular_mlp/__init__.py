"""Embeddings and a multi-layer perceptron, in torch."""
