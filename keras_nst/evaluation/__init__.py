"""Models measured on photographs: what of a photograph a style keeps, what of a painting it takes, what it adds."""
