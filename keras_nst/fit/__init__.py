"""Minimisation: training a net's weights against a bound loss."""
