"""The one exception of this package, and the numbers by which monitors report it."""

from enum import IntEnum


class ProtocolErrorCode(IntEnum):
    """ZMQ_PROTOCOL_ERROR_*: values of the monitor event HANDSHAKE_FAILED_PROTOCOL."""

    ZMTP_UNSPECIFIED = 0x10000000
    ZMTP_UNEXPECTED_COMMAND = 0x10000001
    ZMTP_INVALID_SEQUENCE = 0x10000002
    ZMTP_KEY_EXCHANGE = 0x10000003
    ZMTP_MALFORMED_COMMAND_UNSPECIFIED = 0x10000011
    ZMTP_MALFORMED_COMMAND_MESSAGE = 0x10000012
    ZMTP_MALFORMED_COMMAND_HELLO = 0x10000013
    ZMTP_MALFORMED_COMMAND_INITIATE = 0x10000014
    ZMTP_MALFORMED_COMMAND_ERROR = 0x10000015
    ZMTP_MALFORMED_COMMAND_READY = 0x10000016
    ZMTP_MALFORMED_COMMAND_WELCOME = 0x10000017
    ZMTP_INVALID_METADATA = 0x10000018
    ZMTP_CRYPTOGRAPHIC = 0x11000001
    ZMTP_MECHANISM_MISMATCH = 0x11000002
    ZAP_UNSPECIFIED = 0x20000000
    ZAP_MALFORMED_REPLY = 0x20000001
    ZAP_BAD_REQUEST_ID = 0x20000002
    ZAP_BAD_VERSION = 0x20000003
    ZAP_INVALID_STATUS_CODE = 0x20000004
    ZAP_INVALID_METADATA = 0x20000005
    WS_UNSPECIFIED = 0x30000000


class ProtocolError(Exception):
    """The handshake failed; the connection must be closed.

    `code` says what the peer did wrong. `retry` is True when the peer merely went away, so that
    the connecting side should try again; libzmq never reconnects after a broken protocol.
    `auth_status` is 300, 400 or 500 when the peer refused us with an ERROR command that says so
    (the value of the monitor event HANDSHAKE_FAILED_AUTH). `local` is True when the fault is not
    the peer's: something that we need for the handshake is missing on our side.
    """

    def __init__(
        self,
        message: str,
        code: ProtocolErrorCode = ProtocolErrorCode.ZMTP_UNSPECIFIED,
        *,
        retry: bool = False,
        auth_status: int | None = None,
        local: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry = retry
        self.auth_status = auth_status
        self.local = local
