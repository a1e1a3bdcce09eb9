"""Detect the types of files, and inspect, rotate and shrink images."""
