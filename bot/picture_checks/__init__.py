"""Pictures are looked at by a classifying command before a server shows them."""
