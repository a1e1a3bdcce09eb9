"""The heart: one owner of every run's life, from the intent on disk to the last edit."""
