"""What the bot answers over HTTP: health, metrics, webhooks."""
