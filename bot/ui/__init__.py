"""What people see in Discord: replies, cards, buttons, forms, and every sentence about runs."""
