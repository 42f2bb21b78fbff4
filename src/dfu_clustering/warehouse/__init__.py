"""PostgreSQL: connections, SQL statements, a consistent snapshot, and how long all is waited for."""
