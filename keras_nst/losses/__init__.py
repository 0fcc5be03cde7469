"""Losses as an algebra of named terms; no network, no file and no training in here."""
