from tests.sharedfixtures import ctx, endpoints, monitor, raw, raw_listener, sock, spawn

__all__ = ["ctx", "endpoints", "monitor", "raw", "raw_listener", "sock", "spawn"]
