"""Apply trained styles to pictures."""
