"""Measure models on photographs: content that is kept, style that is transferred, defects that are added."""
