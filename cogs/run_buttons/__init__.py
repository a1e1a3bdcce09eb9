"""The buttons under a run: Again, Edit, Details, Show the result."""
