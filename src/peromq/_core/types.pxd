# The data plane's structs. Each field names its owner:
#   app     under the socket's lock (application threads, control thread)
#   rd, wr  under the connection's read lock, write lock
#   ev      under the socket's event lock
#   io      the I/O thread alone
#   shared  atomic, or written once before anybody else sees it ("const")
# Lock order: Sock.lock > Conn.rlock > Conn.wlock > Link.lock > Sock.ev_lock; Group.lock, IoThread.lock, Engine.lock are leaves.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp.atomic cimport atomic
from libcpp.deque cimport deque
from libcpp.set cimport set as ordered_set
from libcpp.string cimport string
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from peromq._core.codec cimport Codec
from peromq._core.flow cimport Chunk, Flow, FrameRef, ReleaseQueue
from peromq._core.latest cimport Latest
from peromq._core.pointer_map cimport PointerMap
from peromq._core.sysio cimport pthread_mutex_t, pthread_t
from peromq._core.trie cimport Trie, Topics

cdef enum:                    # socket types, numbered as in zmq.h
    T_PAIR = 0
    T_PUB = 1
    T_SUB = 2
    T_REQ = 3
    T_REP = 4
    T_DEALER = 5
    T_ROUTER = 6
    T_PULL = 7
    T_PUSH = 8
    T_XPUB = 9
    T_XSUB = 10
    T_STREAM = 11
    T_SERVER = 12
    T_CLIENT = 13
    T_RADIO = 14
    T_DISH = 15
    T_GATHER = 16
    T_SCATTER = 17
    T_DGRAM = 18
    T_PEER = 19
    T_CHANNEL = 20

cdef enum:                    # Pipe.ev_bits
    EV_READ = 1               # the inbound flow was empty and is not any more
    EV_WRITE = 2              # the outbound flow was full and has room again
    EV_GONE = 4               # the connection ended (accepted), or the inproc peer closed
    EV_HICCUP = 8             # the connection ended, the pipe stays (connected)
    EV_PONG = 16              # the answer to a PING of confirm.pyx

cdef enum:                    # Pipe.news, Sock.news: what a monitor may want to hear of
    NEWS_SUBSCRIBED = 1       # a subscription is active
    NEWS_FULL = 2             # the send queue reached the high-water mark
    NEWS_STOPPED = 4          # the receive queue did
    NEWS_DROPPED = 8          # messages were dropped
    NEWS_POSTED = 16          # the control plane has been told to look

cdef enum:                    # Conn.dirty bits
    DIRTY_LOOK = 1            # something to see to
    DIRTY_OWN = 2             # the producer hands over its duty to write

cdef enum:                    # Conn.want_out
    OUT_ARMED = 1             # the I/O thread will be told when the kernel takes more
    OUT_KNOWN = 2             # in the I/O thread's epoll, but not armed

cdef enum:                    # status of data-plane calls; errno values are positive, these are not
    OK = 0
    WOULD_BLOCK = -1
    FAILED = -2

cdef enum:                    # Sock.conflate, Pipe.conflate
    BY_TOPIC = 2              # the newest message of each topic (CONFLATE_TOPICS), not the newest of all (1)

cdef enum:                    # Sock.state bits
    S_CLOSED = 1
    S_TERM = 2                # the context is being terminated

cdef enum:
    WIRE_CAP = 147456         # octets of Group.wire_in, wire_out: two messages of 64 KiB, or what a read gives at best

cdef struct Totals:           # of a peer, or of all that are gone; octets with frame headers
    uint64_t sent
    uint64_t received
    uint64_t sent_octets
    uint64_t received_octets
    uint64_t dropped          # not queued, or no longer, on the way out
    uint64_t rejected         # came, but the pattern did not want it
    uint64_t replaced         # came, but CONFLATE kept a newer one
    uint64_t full             # how often the send queue reached its mark
    uint64_t stopped          # how often the receive queue did

cdef struct Waiter:           # one blocked caller; lives on its stack
    int efd                   # const

cdef struct WaitLink:         # ev: its place in one socket's list
    Waiter* waiter
    WaitLink* next
    bint reads                # const while listed: it polls the socket's only group, and new connections with it

cdef struct Engine:
    pthread_mutex_t lock
    int n_io                  # const
    IoThread* io              # const
    ReleaseQueue releases     # shared
    int event_fd              # lock: -1 once the engine is stopped
    vector[int64_t]* events   # lock: (kind, token, value) triples for the control plane
    vector[int]* efds         # lock: eventfds for blocked callers, kept for reuse
    vector[Sock*]* socks      # lock: for shutdown
    atomic[int] terminated    # shared
    int n_cpus                # const

cdef struct Link:             # what two inproc pipe ends share
    pthread_mutex_t lock
    atomic[int] refs
    Pipe* ends[2]             # lock
    uint32_t snd[2]           # lock: SNDHWM, RCVHWM of the ends' sockets
    uint32_t rcv[2]

cdef struct Pipe:             # a socket's relation to one peer
    atomic[int] refs          # shared: the socket's list, the connection, the event queue, the link's far end handle
    Sock* sock                # const
    Flow* inq                 # const; consumer: app
    Flow* outq                # const; producer: app
    Link* link                # const: inproc only
    int side                  # const: inproc: which end this is
    Flow* raw                 # const: CONFLATE: what arrives, of which inq gets the newest (see requeue.pyx); else NULL
    Latest* latest            # CONFLATE_TOPICS: what arrived, of which inq gets one message at a time; under Conn.rlock or Link.lock
    int conflate              # app: CONFLATE: of what was not begun to be sent, outq keeps the newest. BY_TOPIC: the inproc peer's latest
    Chunk* newest_at          # app: CONFLATE: where the newest message begins in outq:
    uint64_t newest_pub       # app: ... the chunk, and what it showed before
    int multicast             # const: its connection leads to a carrier: a publisher sends it everything, and nobody answers PINGs
    int mute                  # app: ROUTER: its routing id is another peer's: neither heard nor served
    Conn* conn                # app: the established connection, or NULL
    int64_t token             # const
    int bound                 # app: accepted, or aborted: dies with its connection
    int minor                 # app: ZMTP 3 minor version of the peer; -1: older than 3, without commands
    int ended                 # app: no input will follow, no output is accepted
    int closing               # app: close_pipe was called
    int told                  # app: EV_FLUSHED was posted
    int listed                # app: in Sock.pipes
    int idx_all               # app: places in the socket's arrays
    int idx_in
    int idx_out
    int unflushed             # app: in Sock.unflushed
    uint32_t pending_octets   # app: appended since the last flush
    uint64_t mark             # app: distributor's scratch: message number it was matched for
    int in_message            # app: XPUB: inside a multipart message from this peer
    int in_user               # app: XPUB: which began as a user message
    string* rid               # app: ROUTER: the peer's routing id
    uint32_t number           # app: SERVER, PEER: the peer's routing id
    Terms* terms              # const: of its endpoint; NULL: inproc, where the socket's are asked
    int datagrams             # const: no peer but an address: nobody joins there or hears of groups
    void* udp                 # app: the Datagrams for its connection to come, or NULL
    int hears                 # app: DISH: the inproc peer is a RADIO, which takes JOIN and LEAVE
    unordered_map[string, int]* joined   # app: RADIO: the groups the peer joined, and how often; or NULL
    int ev_bits               # ev
    int ev_linked             # ev
    Pipe* ev_next             # ev
    Chunk* properties         # app: pins the dict of the peer's handshake properties, or NULL
    uint64_t dropped          # app: see Totals
    uint64_t dropped_told     # app: of these, what a monitor was told of
    uint64_t rejected         # app
    uint64_t full             # app
    atomic[int] news          # shared: NEWS_*
    uint32_t confirmed        # app: subscribers: Sock.version that the peer has confirmed
    uint32_t asking           # app: ... and the one it is being asked about
    uint32_t serial           # app: of the PING it was asked with
    int stage                 # app: which of the two PINGs is unanswered; 0: none
    int64_t confirmed_at      # app: ns

cdef struct Terms:            # options for connections, as they were at one bind or connect; const once somebody else has a reference
    atomic[int] refs          # shared
    int64_t max_size
    int hb_ivl
    int hb_timeout
    int hb_ttl
    int conflate
    int notify                # ROUTER_NOTIFY: 1 who comes, 2 who goes
    string* hello             # HELLO_MSG, DISCONNECT_MSG, HICCUP_MSG; NULL: none
    string* farewell
    string* hiccup

cdef struct Conn:
    atomic[int] refs          # shared: pipe, I/O thread, dirty list
    Pipe* pipe                # const
    Sock* sock                # const
    IoThread* io              # const
    Group* group              # const
    int64_t token             # const
    atomic[int] failed        # shared: 0, or 1 + reason; set once, by compare-exchange
    atomic[int] cut           # shared: asked to be torn down
    atomic[uint32_t] pong     # shared: serial of the last PING of confirm.pyx that was answered
    int fd                    # rd+wr; -1 after teardown
    Codec* codec              # const; NULL: the wire carries plain frames
    # reading
    pthread_mutex_t rlock
    Flow* inq                 # const
    uint32_t dpos             # rd: end of the complete frames in the tail
    int in_more               # rd: the last frame had MORE
    Chunk* body               # rd: large body being read
    size_t body_got           # rd
    int after_body            # rd: large bodies are coming: read just a header's worth before the next
    size_t body_cap           # rd: allocated so far
    int in_a_row              # rd: the last large body had the next message right behind it
    size_t low_water          # rd: SO_RCVLOWAT, or 0 as long as it is 1
    uint32_t unhurried        # rd: for so many large bodies SO_RCVLOWAT stays as it is
    uint32_t waits            # rd: how often it kept us waiting
    atomic[int] paused        # shared: the reader stopped at the high-water mark
    int watched               # rd: registered in the group's epoll
    int check                 # rd: framing check: 0 none; REQ: 1 expects delimiter, 2 after id, 3 body; DISH: 4 expects group, 5 body
    int keep_subs             # const: subscription commands go to the application
    int keep_joins            # const: JOIN and LEAVE do
    void* udp                 # const: the descriptor carries datagrams: a Datagrams (udp.pxd), or NULL
    int newest_only           # const: CONFLATE: inq keeps the newest message
    int asks                  # const: we may ask the peer whether he has our subscriptions
    int64_t max_size          # const
    size_t unfinished         # rd: octets of the message whose last frame had MORE
    size_t max_unfinished     # const
    # writing
    pthread_mutex_t wlock
    Flow* outq                # const
    Chunk* cur                # wr: next octet for the kernel
    size_t cpos               # wr
    int boundary              # wr: cur/cpos is at a message boundary
    uint8_t cmd[40]           # wr: PING/PONG waiting to go between messages
    uint32_t cmd_len          # wr
    uint32_t cmd_pos          # wr
    int want_out              # wr: 0, or the state of EPOLLOUT in the I/O thread's epoll
    int flush_then_close      # wr: close_pipe: cut when everything is written
    # I/O thread
    int dirty                 # IoThread.lock: in the dirty list: DIRTY_* bits
    Conn* dirty_next          # IoThread.lock
    int beats                 # io: has heartbeats or a TTL to watch
    int hot                   # io: in the hot list
    int quiet                 # io: consecutive naps without output
    uint64_t flushed          # io: messages produced when last looked at
    int ended                 # io: torn down
    int listed                # io: in IoThread.conns
    # heartbeats
    int hb_ivl                # const, ms
    int hb_timeout            # const, ms
    int hb_ttl                # const, deciseconds
    atomic[int64_t] last_in   # shared: when something arrived, ns
    atomic[int64_t] ttl_until  # shared: the peer's TTL: give up when silent until then; 0 = none
    int64_t next_ping         # io
    int64_t ping_sent         # io: 0 = no PING unanswered

cdef struct Group:            # the connections of one socket on one I/O thread
    pthread_mutex_t lock
    Sock* sock                # const
    IoThread* io              # const
    int epfd                  # const
    int leased                # IoThread.lock: a caller watches these connections itself
    int waiting               # IoThread.lock: ... and is blocked on them now
    int dead                  # IoThread.lock: the socket is done with it
    atomic[int] bulk          # shared: a large body was read since the lease was taken
    int64_t lease_until       # IoThread.lock
    vector[Conn*]* conns      # lock
    atomic[uint8_t*] wire_in  # shared: buffers of WIRE_CAP octets that connections with a codec take turns with
    atomic[uint8_t*] wire_out

cdef struct IoThread:
    pthread_mutex_t lock
    Engine* engine            # const
    int index                 # const
    pthread_t thread          # const
    int started               # const
    int stopped               # lock
    int epfd                  # const
    int wakefd                # const
    int timerfd               # const
    atomic[int] sleeping      # shared
    atomic[int] stopping      # shared
    atomic[int] load          # shared: connections assigned
    Conn* dirty               # lock: connections that want attention
    vector[Group*]* leases    # lock: groups lent to callers
    int timer_armed           # lock
    vector[Conn*]* hot        # io: streaming connections, flushed after each nap
    vector[Conn*]* conns      # io
    vector[Conn*]* grave      # io: torn down in this round
    vector[Group*]* dead_groups  # lock: freed by the I/O thread, which may have their pointer in its events
    int64_t next_beat         # io: earliest heartbeat deadline
    int beats                 # io: connections that have heartbeats

cdef struct PipeArray:        # active pipes first: [0, active) can be used now
    Pipe** v
    int n
    int cap
    int active
    int cur                   # whose turn it is

cdef struct Sock:
    pthread_mutex_t lock
    atomic[int] refs          # shared: handle, pipes, groups
    Engine* engine            # const
    int type                  # const
    int plain_out             # app: fast.pxd may send, receive for this socket
    int plain_in
    int balances              # const: sends like PUSH: to the next peer with room
    int queues                # const: receives like PULL: from all peers in turn
    int single                # const: messages have one part
    atomic[int] state         # shared
    # options, app
    int sndhwm
    int rcvhwm
    int sndtimeo
    int rcvtimeo
    int immediate
    int mandatory
    int handover
    int probe
    int correlate
    int relaxed
    int verbose
    int verboser
    int nodrop
    int manual
    int invert
    int only_first
    int verbose_unsub
    int last_value            # XPUB_MANUAL_LAST_VALUE
    int spin_us
    Terms* terms              # of the next bind or connect
    string* welcome
    string* my_rid            # the ROUTING_ID option, for inproc peers
    # pipes, app
    vector[Pipe*]* pipes
    PointerMap by_token       # each pipe under its token, for sock_find
    PipeArray fq              # readable pipes (fair queue)
    PipeArray lb              # writable pipes (load balancer)
    unordered_map[string, Pipe*]* by_rid
    vector[Pipe*]* unflushed
    vector[Group*]* groups    # one per I/O thread in use
    # state of the message being sent / received, app
    Pipe* in_pipe             # its message is being read
    int in_more
    int rcvmore               # what the RCVMORE option says
    Pipe* out_pipe            # its message is being written
    int out_more              # inside a multipart message
    int out_drop              # the rest of this multipart message is dropped
    int received              # something was received since the last send
    int64_t last_send         # ns
    # REQ, REP
    int awaiting              # REQ: reply expected. REP: reply owed
    Pipe* reply_pipe
    uint32_t request_id
    int phase                 # where in the envelope
    vector[uint8_t]* envelope  # REP: encoded frames to replay
    # ROUTER
    uint32_t next_rid
    int invented              # it is somebody's by now
    int raw                   # no ZMTP: STREAM, ROUTER_RAW
    int rid_sent              # the routing-id frame of the current message was handed out
    int in_notice             # the message being received is from notices
    # SERVER, PEER
    unordered_map[uint32_t, Pipe*]* by_number
    uint32_t out_number       # to whom the message goes that is being sent
    # RADIO, DISH
    unordered_map[string, vector[Pipe*]]* members    # RADIO: of each group
    vector[Pipe*]* outlets    # RADIO: addresses that get everything
    ordered_set[string]* groups_joined   # DISH
    string* out_group         # of the message being sent
    string* in_group          # of the message being received
    # datagrams, shared: how many came, were not worth keeping, went, could not be sent
    atomic[uint64_t] udp_in
    atomic[uint64_t] udp_bad
    atomic[uint64_t] udp_out
    atomic[uint64_t] udp_lost
    # PUB, XPUB, SUB, XSUB
    Trie* trie
    Trie* asked               # XPUB_MANUAL: what peers asked for, whatever the application made of it
    Topics* topics
    deque[string]* notices    # XPUB, ROUTER_NOTIFY: what recv gives next
    deque[int]* notice_more
    deque[Pipe*]* notice_from
    vector[Pipe*]* targets    # of the message being sent
    Chunk* cast               # frames encoded once for many targets
    uint32_t cast_cap         # of the next one
    uint64_t mark
    Pipe* last_sub            # XPUB_MANUAL: whom SUBSCRIBE acts on
    Pipe* newcomer            # XPUB_MANUAL_LAST_VALUE: who alone gets the next message
    int subs_inside           # XSUB: later frames of the message may be subscriptions as well
    int resay                 # XSUB: say all topics again behind the message
    # statistics, monitors
    Totals gone               # app: of peers that are no more
    uint64_t unroutable       # app: messages for which there was no peer
    uint64_t unroutable_told  # app
    atomic[int] news          # shared: NEWS_*
    atomic[int] news_wanted   # shared: NEWS_* that a monitor wants
    atomic[int64_t] news_number   # shared: by which the control plane knows the socket
    deque[string]* news_topics    # app: publishers: subscriptions to tell of
    deque[int64_t]* news_tokens   # app: ... and whose they are
    uint32_t version          # app: subscribers: counts changes of what is subscribed
    uint32_t serial           # app: of the last PING of confirm.pyx
    # spin: guesses of all who wait, shared
    atomic[int] short_wait    # the last wait was short enough for spinning to pay
    atomic[int] spin_skip     # waits to sit out before the next try
    atomic[int] spin_fails    # tries in vain since the last success
    # events
    pthread_mutex_t ev_lock
    Pipe* ev_head             # ev
    Pipe* ev_tail             # ev
    WaitLink* waiters         # ev
    int notify_fd             # ev: the FD option, or -1
    atomic[int] ev_any        # shared
    atomic[uint64_t] wakes    # shared, written under ev_lock: counts everything a blocked caller should look at
