"""Data in, matplotlib figures out."""
