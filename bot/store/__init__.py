"""What is remembered: tables, migrations, queries. The only SQL."""
