"""The commands there are: which model each runs, and the options it has."""
