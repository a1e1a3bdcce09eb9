"""What comes next: the select under a result, and the menu of messages, do something with a picture."""
