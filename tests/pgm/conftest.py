from tests.sharedfixtures import ctx, endpoints, sock

__all__ = ["ctx", "endpoints", "sock"]
