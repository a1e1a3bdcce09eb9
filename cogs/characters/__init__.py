"""/character, and Save as character in the menu of a message: saved characters and their pictures."""
