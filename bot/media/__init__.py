"""Bytes whose type is told from the bytes: sniffing, and pictures made upright or smaller."""
