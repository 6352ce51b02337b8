"""The processes that are measured; standard library only, every interpreter runs them."""
