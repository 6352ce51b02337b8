"""CURVE (RFC 25, 26): both sides prove who they are, and everything behind is encrypted.

    client C, C'                                    server S, S'
    HELLO C', box(64 zeros: c'->S)            ->
                                              <-    WELCOME box(S', cookie: s->C')
    INITIATE cookie, box(C, vouch, metadata: c'->S')  ->
                                              <-    READY box(metadata: s'->C'), or ERROR

C and S are long-term keys, C' and S' live as long as the connection; small letters are the secret
ones. The vouch, box(C', S: c->S'), proves that the client has c. The cookie, which only the server
can open, holds C' and s': the server forgets both until it gets them back (RFC 26), but keeps the
key of the boxes between them, which it computes while the client is busy with WELCOME.
"""

from _operator import _compare_digest as same  # hmac.compare_digest, which takes 5 ms to import

from ..commands import (
    ERROR,
    HELLO,
    INITIATE,
    READY,
    WELCOME,
    malformed,
    parse_error,
    unexpected,
)
from ..errors import ProtocolError, ProtocolErrorCode
from ..zap import ZapGate
from . import curve_box as box
from .curve_box import PYNACL, CurveTraffic, Sodium
from .side import Client, Server, State

_HELLO_COUNTER, _INITIATE_COUNTER = 1, 2  # of the client's short nonces
_READY_COUNTER = 1  # of the server's


class CurveClient(Client):
    """Knows the server's long-term key S.

    public_key and secret_key: C and c. Random octets for this connection only, or the encryption is
    void: transient_secret (c'), 32, and vouch_nonce, 16.
    """

    name = box.NAME
    opens = True  # a new key, and a box of zeros for S

    def __init__(
        self,
        *,
        server_key: bytes,
        public_key: bytes,
        secret_key: bytes,
        transient_secret: bytes,
        vouch_nonce: bytes,
        sodium: Sodium = PYNACL,
    ) -> None:
        super().__init__()
        self._sodium = sodium
        self._server_key = server_key
        self._public_key = public_key
        self._secret_key = secret_key
        self._transient_secret = transient_secret
        self._vouch_nonce = vouch_nonce
        self._transient_key = b""
        self._key = b""  # of the boxes between c' and, first, S, later S'
        self._recv_nonce = 0

    def take_traffic(self) -> CurveTraffic:
        key, self._key = self._key, b""
        return CurveTraffic(
            key,
            box.CLIENT_MESSAGE_NONCE,
            box.SERVER_MESSAGE_NONCE,
            _INITIATE_COUNTER,
            self._recv_nonce,
        )

    def forget(self) -> None:
        self._sodium.wipe(self._transient_secret, self._key)
        self._transient_secret = self._secret_key = self._key = b""

    def work_ahead(self) -> None:
        if self._state is State.BEGIN and not self._key:
            self._transient_key = self._sodium.public_key(self._transient_secret)
            self._key = box.shared_keys(self._sodium, self._server_key, self._transient_secret)[0]

    def start(self, metadata: bytes) -> None:
        super().start(metadata)
        self.work_ahead()
        nonce = box.short_nonce(box.HELLO_NONCE, _HELLO_COUNTER)
        proof = self._sodium.seal(box.ZEROS, nonce, self._key)
        self._outgoing.append(
            HELLO + box.VERSION + bytes(72) + self._transient_key + nonce[-8:] + proof
        )
        self._state = State.WELCOME

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state in (State.WELCOME, State.READY) and body.startswith(ERROR):
            raise parse_error(body)
        if self._state is State.WELCOME and body.startswith(WELCOME):
            self._receive_welcome(body)
            return None
        if self._state is State.READY and body.startswith(READY):
            return self._receive_ready(body)
        raise unexpected(self._state.value, body)

    def _receive_welcome(self, body: bytes) -> None:
        if len(body) != box.WELCOME_SIZE:
            raise malformed(WELCOME, body, ProtocolErrorCode.ZMTP_CRYPTOGRAPHIC)  # libzmq
        sodium = self._sodium
        nonce = box.WELCOME_NONCE + body[8:24]
        plain = box.unseal(sodium, body[24:], nonce, self._key, "a WELCOME")
        server_transient, cookie = plain[: box.KEY_SIZE], plain[box.KEY_SIZE :]
        sodium.wipe(self._key)
        self._key, vouch_key = box.shared_keys(
            sodium, server_transient, self._transient_secret, self._secret_key
        )
        vouch = self._vouch_nonce + sodium.seal(
            self._transient_key + self._server_key, box.VOUCH_NONCE + self._vouch_nonce, vouch_key
        )
        nonce = box.short_nonce(box.INITIATE_NONCE, _INITIATE_COUNTER)
        plain = self._public_key + vouch + self._metadata
        self._outgoing.append(INITIATE + cookie + nonce[-8:] + sodium.seal(plain, nonce, self._key))
        sodium.wipe(vouch_key, self._transient_secret)
        self._transient_secret = self._secret_key = b""
        self._state = State.READY

    def _receive_ready(self, body: bytes) -> bytes:
        if len(body) < box.READY_SIZE:
            raise malformed(READY, body)
        nonce = box.short_nonce(box.READY_NONCE, body[6:14])
        metadata = box.unseal(self._sodium, body[14:], nonce, self._key, "a READY")
        self._recv_nonce = int.from_bytes(body[6:14], "big")
        self._state = State.DONE
        return metadata


class CurveServer(Server):
    """Has ZAP judge the client's long-term key, if it is asked at all.

    public_key and secret_key: S and s. Random octets for this connection only: transient_secret
    (s') and cookie_key, 32 each; welcome_nonce and cookie_nonce, 16 each.
    """

    name = box.NAME

    def __init__(
        self,
        gate: ZapGate,
        *,
        public_key: bytes,
        secret_key: bytes,
        transient_secret: bytes,
        cookie_key: bytes,
        welcome_nonce: bytes,
        cookie_nonce: bytes,
        sodium: Sodium = PYNACL,
    ) -> None:
        super().__init__(gate)
        self._sodium = sodium
        self._public_key = public_key
        self._secret_key = secret_key
        self._transient_secret = transient_secret
        self._cookie_key = cookie_key
        self._welcome_nonce = welcome_nonce
        self._cookie_nonce = cookie_nonce
        self._transient_key = b""
        self._client_transient = b""
        self._key = b""  # of the boxes between s' and C'
        self._recv_nonce = 0

    def take_traffic(self) -> CurveTraffic:
        key, self._key = self._key, b""
        return CurveTraffic(
            key,
            box.SERVER_MESSAGE_NONCE,
            box.CLIENT_MESSAGE_NONCE,
            _READY_COUNTER,
            self._recv_nonce,
        )

    def forget(self) -> None:
        self._sodium.wipe(self._transient_secret, self._cookie_key, self._key)
        self._transient_secret = self._secret_key = self._cookie_key = self._key = b""

    def work_ahead(self) -> None:
        sodium = self._sodium
        if self._state is State.HELLO and not self._transient_key:
            self._transient_key = sodium.public_key(self._transient_secret)
        elif self._state is State.INITIATE and not self._key:
            self._key = box.shared_keys(sodium, self._client_transient, self._transient_secret)[0]
            sodium.wipe(self._transient_secret)
            self._client_transient = self._transient_secret = b""

    def start(self, metadata: bytes) -> None:
        super().start(metadata)
        self._state = State.HELLO

    def _let_in(self) -> None:
        nonce = box.short_nonce(box.READY_NONCE, _READY_COUNTER)
        sealed = self._sodium.seal(self._metadata, nonce, self._key)
        self._outgoing.append(READY + nonce[-8:] + sealed)
        self._state = State.DONE

    def _turn_away(self) -> None:
        super()._turn_away()
        self.forget()

    def receive_command(self, body: bytes) -> bytes | None:
        if self._state is State.HELLO and body.startswith(HELLO):
            self._receive_hello(body)
            return None
        if self._state is State.INITIATE and body.startswith(INITIATE):
            return self._receive_initiate(body)
        raise self._unexpected(body)

    def _receive_hello(self, body: bytes) -> None:
        if len(body) != box.HELLO_SIZE or body[6:8] != box.VERSION:
            raise malformed(HELLO, body)
        sodium = self._sodium
        client_transient = body[80:112]
        key = box.shared_keys(sodium, client_transient, self._secret_key)[0]
        nonce = box.short_nonce(box.HELLO_NONCE, body[112:120])
        zeros = box.unseal(sodium, body[120:], nonce, key, "a HELLO for another server key, or one")
        if not same(zeros, box.ZEROS):
            raise malformed(HELLO, body)
        self.work_ahead()
        secrets = client_transient + self._transient_secret
        nonce = box.COOKIE_NONCE + self._cookie_nonce
        cookie = self._cookie_nonce + sodium.seal(secrets, nonce, self._cookie_key)
        plain = self._transient_key + cookie
        nonce = box.WELCOME_NONCE + self._welcome_nonce
        self._outgoing.append(WELCOME + self._welcome_nonce + sodium.seal(plain, nonce, key))
        sodium.wipe(key, secrets)
        self._secret_key = b""
        self._client_transient = client_transient  # until `work_ahead`
        self._state = State.INITIATE

    def _receive_initiate(self, body: bytes) -> bytes:
        if len(body) < box.INITIATE_SIZE:
            raise malformed(INITIATE, body)
        sodium = self._sodium
        nonce = box.COOKIE_NONCE + body[9:25]
        secrets = box.unseal(sodium, body[25:105], nonce, self._cookie_key, "a cookie")
        client_transient, transient_secret = secrets[: box.KEY_SIZE], secrets[box.KEY_SIZE :]
        self.work_ahead()
        nonce = box.short_nonce(box.INITIATE_NONCE, body[105:113])
        plain = box.unseal(sodium, body[113:], nonce, self._key, "an INITIATE")
        client_key, vouch, metadata = plain[:32], plain[32:128], plain[128:]
        vouch_key = box.shared_keys(sodium, client_key, transient_secret)[0]
        nonce = box.VOUCH_NONCE + vouch[: box.LONG_NONCE_SIZE]
        vouched = box.unseal(sodium, vouch[box.LONG_NONCE_SIZE :], nonce, vouch_key, "a vouch")
        if not same(vouched, client_transient + self._public_key):
            raise ProtocolError(
                "peer sent a vouch for other keys", ProtocolErrorCode.ZMTP_KEY_EXCHANGE
            )
        sodium.wipe(secrets, transient_secret, vouch_key, self._cookie_key)
        self._cookie_key = b""
        self._recv_nonce = int.from_bytes(body[105:113], "big")
        self._present([client_key])
        return metadata
