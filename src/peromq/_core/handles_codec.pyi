class Codec:
    # What a connection sends its frames through once hands are shaken: `SocketCore.attach(codec=)`.
    # Good for one attach that returns 0; a second one raises ValueError.
    ...

class CurveCodec(Codec):
    # CURVE's MESSAGE commands (RFC 26). key: crypto_box_beforenm() of the short-term keys.
    # Prefixes: b"CurveZMQMESSAGEC" is what a client sends, b"CurveZMQMESSAGES" what a server does.
    # Nonces: the last one used and the last one accepted; the next message has a greater one. At
    # 2**64 - 1 the connection is closed. ImportError without PyNaCl.
    def __init__(
        self,
        *,
        key: bytes,
        send_prefix: bytes,
        recv_prefix: bytes,
        send_nonce: int,
        recv_nonce: int,
    ) -> None: ...

class OldCodec(Codec):
    # Frames of ZMTP 1.0 and 2.0 (RFC 13, 15), by `version`: 1 or 2. Commands are neither sent nor
    # received. identity_limit: the peer's first frame is its identity, of at most so many octets,
    # and dropped; -1: it has been read. subscribed: in its place a publisher gets a subscription to
    # everything.
    def __init__(self, *, version: int, identity_limit: int, subscribed: bool) -> None: ...

class RawCodec(Codec):
    # No framing (STREAM, ROUTER_RAW): what arrives is cut into messages of at most 8192 octets,
    # and of what is sent only the bodies go out.
    def __init__(self) -> None: ...

class WebSocketCodec(Codec):
    # WebSocket messages of ZWS 2.0 (RFC 45). client: we opened the connection, so we mask what we
    # send and the peer does not. mask_seed: 16 random octets. curve: what the messages' bodies are
    # sealed with; taken, as by an attach.
    def __init__(
        self, *, client: bool, mask_seed: bytes, curve: CurveCodec | None = None
    ) -> None: ...
