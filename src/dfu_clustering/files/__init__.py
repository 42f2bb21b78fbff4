"""Files on disk: tables and JSON written whole or not at all, and the progress of long work."""
