"""One paper, one module: layers, weights and the loss as the paper writes it."""
