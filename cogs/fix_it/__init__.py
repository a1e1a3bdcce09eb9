"""Fix it: a refused run gives back all that was entered."""
