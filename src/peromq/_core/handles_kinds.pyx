# What only some kinds of sockets have: groups (DISH), datagrams (RADIO, DISH, DGRAM), peers by number (SERVER, PEER). The rules of this
# border are in handles.pyx.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINVAL, ENOMEM, ENOTSOCK
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libcpp.atomic cimport memory_order_relaxed

from peromq._core.groups cimport dish_join
from peromq._core.handles_base cimport enter, leave, settle
from peromq._core.handles_control cimport ControlHandle
from peromq._core.handles_frame cimport make_error
from peromq._core.numbered cimport number_find
from peromq._core.patterns cimport ENOTSUP
from peromq._core.router cimport router_find
from peromq._core.sock cimport pipe_new_wire, sock_add_pipe, sock_attach, sock_drop_pipe, sock_find, sock_has_peer, sock_process
from peromq._core.sysio cimport pthread_mutex_lock, pthread_mutex_unlock
from peromq._core.types cimport OK, S_CLOSED, T_DGRAM, T_ROUTER, T_STREAM, Pipe, Sock
from peromq._core.udp cimport AF_INET6, Datagrams, parse_address, udp_free, udp_new


cdef class KindHandle(ControlHandle):
    """Every method may be called from any thread."""

    def attach_datagrams(self, int64_t token, int fd, *, bint receives, str to="", uint32_t scope=0, int thread=-1):
        """A descriptor for datagrams: 0 (fd is ours now) or an errno.

        receives: there may be input. to: RADIO: where everything goes, `1.2.3.4:5` or `[::1]:5`, and the scope of the latter.
        EAGAIN: DGRAM has an address already. ENOTSOCK: closed.
        """
        cdef Sock* s = self.s
        cdef Pipe* p = NULL
        cdef Datagrams* u = udp_new(s.type == T_DGRAM, receives)
        cdef bytes text = to.encode()
        cdef int rc = 0
        if u == NULL:
            return ENOMEM
        if to:
            if parse_address(<const uint8_t*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), &u.to) == 0:
                udp_free(u)
                return EINVAL
            if u.to.any.sa_family == AF_INET6:
                u.to.v6.sin6_scope_id = scope
        pthread_mutex_lock(&s.lock)
        sock_process(s)
        if s.state.load(memory_order_relaxed) & S_CLOSED:
            rc = ENOTSOCK
        elif s.type == T_DGRAM and sock_has_peer(s, NULL):
            rc = EAGAIN
        else:
            p = pipe_new_wire(s, token, 1, NULL)
            rc = ENOMEM if p == NULL else 0
        if rc == 0:
            p.datagrams = 1
            p.udp = u
            u = NULL
            sock_add_pipe(s, p)
            rc = sock_attach(s, p, fd, NULL, 0, thread, NULL)
            if rc != 0:
                sock_drop_pipe(s, p)
        if u != NULL:
            udp_free(u)
        pthread_mutex_unlock(&s.lock)
        settle(self)
        return rc

    def join_core(self, bytes group, bint on):
        """DISH: join or leave a group. EINVAL: done already, or more than 255 octets. ENOTSUP: no DISH."""
        cdef int rc = ENOTSUP
        enter(self)
        if self.s.groups_joined != NULL:
            rc = dish_join(self.s, <const uint8_t*>PyBytes_AS_STRING(group), PyBytes_GET_SIZE(group), on)
        leave(self)
        if rc != OK:
            raise make_error(rc)

    def number_of_token(self, int64_t token):
        """SERVER, PEER: the routing id of a peer; 0 if there is none."""
        cdef Pipe* p
        cdef uint32_t number = 0
        enter(self)
        p = sock_find(self.s, token)
        if p != NULL:
            number = p.number
        leave(self)
        return number

    def token_of_number(self, uint32_t number):
        """SERVER, PEER: the token of the peer with that routing id; 0 if there is none."""
        cdef Pipe* p = NULL
        cdef int64_t token = 0
        enter(self)
        sock_process(self.s)
        if self.s.by_number != NULL:
            p = number_find(self.s, number)
        if p != NULL:
            token = p.token
        leave(self)
        return token

    def newest_name(self):
        """STREAM: the routing id that the newest peer has got; b"" before the first."""
        enter(self)
        number = self.s.next_rid if self.s.invented else None
        leave(self)
        return b"" if number is None else number.to_bytes(5)

    def token_of_name(self, bytes routing_id):
        """ROUTER, STREAM: the token of the peer that is sent to under that routing id; 0 if there is none."""
        cdef Pipe* p = NULL
        cdef int64_t token = 0
        enter(self)
        sock_process(self.s)
        if self.s.type in (T_ROUTER, T_STREAM):
            p = router_find(self.s, PyBytes_AS_STRING(routing_id), PyBytes_GET_SIZE(routing_id))
        if p != NULL and not p.ended and not p.closing:
            token = p.token
        leave(self)
        return token
