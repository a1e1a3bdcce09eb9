"""The database: tables, migrations, transitions and queries. No other package has SQL."""
