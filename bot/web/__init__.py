"""The bot's HTTP server: health, metrics, webhooks."""
