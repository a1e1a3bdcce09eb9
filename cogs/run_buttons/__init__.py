"""The buttons under a run: Again, Edit, Details and Show the result."""
