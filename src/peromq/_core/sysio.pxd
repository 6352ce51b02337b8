# The operating system as the data plane sees it.
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_t:
        pass
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t*, void*)
    int pthread_mutex_destroy(pthread_mutex_t*)
    int pthread_mutex_lock(pthread_mutex_t*)
    int pthread_mutex_trylock(pthread_mutex_t*)
    int pthread_mutex_unlock(pthread_mutex_t*)
    int pthread_create(pthread_t*, void*, void* (*)(void*) noexcept nogil, void*)
    int pthread_join(pthread_t, void**)

cdef extern from "<sys/uio.h>" nogil:
    ctypedef struct iovec:
        void* iov_base
        size_t iov_len

cdef extern from "<sys/socket.h>" nogil:
    ctypedef struct msghdr:
        iovec* msg_iov
        size_t msg_iovlen
    ssize_t sys_recv "recv"(int, void*, size_t, int)
    ssize_t sys_send "send"(int, const void*, size_t, int)
    ssize_t sys_sendmsg "sendmsg"(int, const msghdr*, int)
    ssize_t sys_recvmsg "recvmsg"(int, msghdr*, int)
    int sys_shutdown "shutdown"(int, int)
    enum: MSG_DONTWAIT, MSG_NOSIGNAL, MSG_TRUNC, SHUT_RDWR, SHUT_WR

cdef extern from *:
    """
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    static inline void peromq_quickack(int fd) {
    #ifdef TCP_QUICKACK
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);   /* not a TCP socket: no effect */
    #endif
    }
    static inline void peromq_low_water(int fd, int octets) {
        setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &octets, sizeof octets);   /* where poll pays no heed to it: no effect */
    }
    """
    void quickack "peromq_quickack"(int) nogil
    void rcv_low_water "peromq_low_water"(int, int) nogil

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        void* ptr
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int)
    int epoll_ctl(int, int, int, epoll_event*)
    int epoll_wait(int, epoll_event*, int, int)
    enum: EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL
    enum: EPOLLIN, EPOLLOUT, EPOLLONESHOT, EPOLLERR, EPOLLHUP

cdef extern from "<sys/eventfd.h>" nogil:
    int eventfd(unsigned int, int)
    enum: EFD_NONBLOCK, EFD_CLOEXEC

cdef extern from "<sys/timerfd.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    struct itimerspec:
        timespec it_interval
        timespec it_value
    int timerfd_create(int, int)
    int timerfd_settime(int, int, const itimerspec*, itimerspec*)
    enum: TFD_NONBLOCK, TFD_CLOEXEC

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int ppoll(pollfd*, unsigned long, const timespec*, void*)
    enum: POLLIN, POLLOUT, POLLPRI, POLLERR, POLLHUP, POLLNVAL

cdef extern from "<time.h>" nogil:
    int clock_gettime(int, timespec*)
    int nanosleep(const timespec*, timespec*)
    enum: CLOCK_MONOTONIC

cdef extern from "<unistd.h>" nogil:
    ssize_t sys_read "read"(int, void*, size_t)
    ssize_t sys_write "write"(int, const void*, size_t)
    int sys_close "close"(int)

cdef extern from "<signal.h>" nogil:
    ctypedef struct sigset_t:
        pass
    int sigfillset(sigset_t*)
    int pthread_sigmask(int, const sigset_t*, sigset_t*)
    enum: SIG_SETMASK

cdef extern from "<sys/prctl.h>" nogil:
    int prctl(int, ...)
    enum: PR_SET_TIMERSLACK, PR_SET_NAME

cdef extern from *:
    """
    #if defined(__x86_64__) || defined(__i386__)
    #define peromq_pause() __builtin_ia32_pause()
    #else
    #define peromq_pause() ((void)0)
    #endif
    """
    void cpu_pause "peromq_pause"() nogil


cdef inline int64_t now_ns() noexcept nogil:
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return <int64_t>t.tv_sec * 1000000000 + t.tv_nsec


cdef inline void signal_fd(int fd) noexcept nogil:
    cdef uint64_t one = 1
    sys_write(fd, &one, 8)


cdef inline void drain_fd(int fd) noexcept nogil:
    cdef uint64_t n
    sys_read(fd, &n, 8)
