"""What the commands do, as functions: learn a style, restyle a picture, harmonize an object, export a style."""
