"""What Discord shows: the live message, cards, controls, the words."""
