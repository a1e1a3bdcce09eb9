"""What a server allows: its rules as a value, and what follows from them for one run. Pure."""
