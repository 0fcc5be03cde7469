"""Pictures: reading, writing, colors, sizes and compositing."""
