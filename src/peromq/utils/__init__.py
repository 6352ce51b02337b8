"""Helpers around the public API."""
