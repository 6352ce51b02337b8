from tests.sharedfixtures import ctx, endpoints, monitor, sock

__all__ = ["ctx", "endpoints", "monitor", "sock"]
