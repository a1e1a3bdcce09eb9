"""Several processes of one bot on PostgreSQL: who owns what."""
