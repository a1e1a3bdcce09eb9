"""/privacy: show, export or delete what is stored about a person."""
