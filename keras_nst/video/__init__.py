"""Clips: their frames, with time stamps and sound."""
