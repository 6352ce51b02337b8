"""Log records over a PUB socket. `python -m peromq.log ENDPOINT` prints them."""
