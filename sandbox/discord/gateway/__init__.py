"""The WebSocket side: sessions that live longer than their connection."""
