"""What people do with their finished results: cover, take apart, delete, send to their DMs; by button and reaction."""
