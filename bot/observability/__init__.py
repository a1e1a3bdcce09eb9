"""What operators see: logs without secrets, metrics, health checks."""
