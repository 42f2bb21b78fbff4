"""Data quality: what the gates found, and what a table's own past leads to expect."""
