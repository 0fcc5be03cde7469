"""Pictures: from files to pixels and back, their colors, sizes and mixtures."""
