"""The suites, a file a table, and what they alone declare and count."""
