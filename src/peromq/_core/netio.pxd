# Many datagrams with one system call.
from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef extern from *:
    """
    #include <errno.h>
    #include <netinet/in.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <sys/uio.h>
    #ifndef PEROMQ_NETIO
    #define PEROMQ_NETIO
    #define PEROMQ_BATCH 64
    struct PeromqBatch {
        struct mmsghdr msgs[PEROMQ_BATCH];
        struct iovec iov[PEROMQ_BATCH];
        union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } name[PEROMQ_BATCH];
    };
    /* Receive up to 64 datagrams, each of at most `each` octets, into `room`. Their number, or -1. */
    static inline int peromq_batch_recv(int fd, struct PeromqBatch* b, unsigned char* room, size_t each) {
        for (int i = 0; i < PEROMQ_BATCH; i++) {
            struct msghdr* h = &b->msgs[i].msg_hdr;
            memset(h, 0, sizeof *h);
            b->iov[i].iov_base = room + i * each;
            b->iov[i].iov_len = each;
            h->msg_iov = &b->iov[i];
            h->msg_iovlen = 1;
            h->msg_name = &b->name[i];
            h->msg_namelen = sizeof b->name[i];
        }
        return recvmmsg(fd, b->msgs, PEROMQ_BATCH, MSG_DONTWAIT, NULL);
    }
    /* Octets of datagram i; -1 if it was longer than the room for it. */
    static inline long peromq_batch_size(const struct PeromqBatch* b, int i) {
        return b->msgs[i].msg_hdr.msg_flags & MSG_TRUNC ? -1 : (long)b->msgs[i].msg_len;
    }
    /* Where it came from: 1 IPv4, 2 IPv6, 0 neither; and the address. */
    static inline int peromq_batch_from(const struct PeromqBatch* b, int i, unsigned char* ip) {
        memset(ip, 0, 16);
        if (b->name[i].any.sa_family == AF_INET) {
            memcpy(ip, &b->name[i].v4.sin_addr, 4);
            return 1;
        }
        if (b->name[i].any.sa_family == AF_INET6) {
            memcpy(ip, &b->name[i].v6.sin6_addr, 16);
            return 2;
        }
        return 0;
    }
    static inline void peromq_batch_set(struct PeromqBatch* b, int i, const void* data, size_t n, int afi,
                                        const unsigned char* ip, unsigned port, unsigned scope) {
        struct msghdr* h = &b->msgs[i].msg_hdr;
        memset(h, 0, sizeof *h);
        memset(&b->name[i], 0, sizeof b->name[i]);
        b->iov[i].iov_base = (void*)data;
        b->iov[i].iov_len = n;
        h->msg_iov = &b->iov[i];
        h->msg_iovlen = 1;
        h->msg_name = &b->name[i];
        if (afi == 1) {
            b->name[i].v4.sin_family = AF_INET;
            b->name[i].v4.sin_port = htons((unsigned short)port);
            memcpy(&b->name[i].v4.sin_addr, ip, 4);
            h->msg_namelen = sizeof(struct sockaddr_in);
        } else {
            b->name[i].v6.sin6_family = AF_INET6;
            b->name[i].v6.sin6_port = htons((unsigned short)port);
            b->name[i].v6.sin6_scope_id = scope;
            memcpy(&b->name[i].v6.sin6_addr, ip, 16);
            h->msg_namelen = sizeof(struct sockaddr_in6);
        }
    }
    /* Send datagrams [first, last); how many went, or -1. */
    static inline int peromq_batch_send(int fd, struct PeromqBatch* b, int first, int last) {
        return sendmmsg(fd, b->msgs + first, last - first, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    #endif
    """
    enum: BATCH "PEROMQ_BATCH"
    ctypedef struct Batch "struct PeromqBatch":
        pass
    int batch_recv "peromq_batch_recv"(int, Batch*, uint8_t*, size_t) nogil
    long batch_size "peromq_batch_size"(const Batch*, int) nogil
    int batch_from "peromq_batch_from"(const Batch*, int, uint8_t*) nogil
    void batch_set "peromq_batch_set"(Batch*, int, const void*, size_t, int, const uint8_t*, uint16_t, uint32_t) nogil
    int batch_send "peromq_batch_send"(int, Batch*, int, int) nogil
