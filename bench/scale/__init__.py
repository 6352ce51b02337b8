"""What thousands of connections and a million subscriptions cost: see `__main__.py`."""
