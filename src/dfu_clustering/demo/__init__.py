"""The demo warehouse: an embedded PostgreSQL and a seeded panel with known classes; it loads a real panel too."""
