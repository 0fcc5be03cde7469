"""Minimize a loss over the weights of a net, or over the pixels of a picture."""
