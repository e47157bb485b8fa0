"""Several services on real PostgreSQL and NATS, with real kills."""
