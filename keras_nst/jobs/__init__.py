"""The jobs behind the commands: learn a style, restyle a picture, harmonize an object, export a style."""
