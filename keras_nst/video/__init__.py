"""Clips: read, stylize and write their frames, with time stamps and sound."""
