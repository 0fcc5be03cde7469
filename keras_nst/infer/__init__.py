"""Applying trained styles to pictures."""
