"""What is selected of a picture: its subject, an object, a part."""
