"""Pixels in and out: reading, writing, colour, sample pictures and photograph streams."""
