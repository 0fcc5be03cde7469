"""Selection of the subject, an object or another part of a picture."""
