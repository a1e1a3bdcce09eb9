"""What Discord's client does not let a person do."""


class ClientRefused(Exception):
    """The client said no before anything was sent; the text is what the person reads."""
