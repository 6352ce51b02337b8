/* The benchmark's workers on libzmq's C API: what a C program of the same shape reaches.
 *
 * zmqbench WORKER --endpoint E --size S --count N …   (the options of bench/workers/common.py)
 * JSON lines to stdout, plain lines from stdin, as the Python workers do it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { LONGEST_LIFE = 180, WARM_UP = 300, LONGEST_ENDPOINT = 256 };

struct options {
    const char *worker, *endpoint;
    size_t size;
    long count;
    int peers, hwm, io_threads;
};

static void *context;

static void check(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "zmqbench: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void hear(void)
{
    int c;
    while ((c = getchar()) != '\n' && c != EOF)
        ;
}

static struct options parse(int argc, char **argv)
{
    struct options o = {.worker = "", .endpoint = "", .peers = 1, .hwm = 1000, .io_threads = 1};
    if (argc > 1)
        o.worker = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--endpoint"))
            o.endpoint = value;
        else if (!strcmp(name, "--size"))
            o.size = (size_t)atol(value);
        else if (!strcmp(name, "--count"))
            o.count = atol(value);
        else if (!strcmp(name, "--peers"))
            o.peers = atoi(value);
        else if (!strcmp(name, "--hwm"))
            o.hwm = atoi(value);
        else if (!strcmp(name, "--io-threads"))
            o.io_threads = atoi(value);
        else {
            fprintf(stderr, "zmqbench: unknown option %s\n", name);
            exit(2);
        }
    }
    return o;
}

static void *open_socket(const struct options *o, int type)
{
    int zero = 0;
    void *sock = zmq_socket(context, type);
    check(sock != NULL, "socket");
    check(!zmq_setsockopt(sock, ZMQ_SNDHWM, &o->hwm, sizeof o->hwm), "SNDHWM");
    check(!zmq_setsockopt(sock, ZMQ_RCVHWM, &o->hwm, sizeof o->hwm), "RCVHWM");
    check(!zmq_setsockopt(sock, ZMQ_LINGER, &zero, sizeof zero), "LINGER");
    return sock;
}

static void *bind_socket(const struct options *o, int type)
{
    char last[LONGEST_ENDPOINT];
    size_t length = sizeof last;
    void *sock = open_socket(o, type);
    check(!zmq_bind(sock, o->endpoint), "bind");
    check(!zmq_getsockopt(sock, ZMQ_LAST_ENDPOINT, last, &length), "LAST_ENDPOINT");
    printf("{\"endpoint\": \"%s\"}\n", last);
    return sock;
}

static void *connect_socket(const struct options *o, int type)
{
    void *sock = open_socket(o, type);
    check(!zmq_connect(sock, o->endpoint), "connect");
    return sock;
}

/* zmq_msg_recv: libzmq's fastest way in, the body is not copied for the caller. */
static void receive(void *sock, zmq_msg_t *message)
{
    check(zmq_msg_recv(message, sock, 0) >= 0, "recv");
}

static void run_pull(const struct options *o)
{
    void *sock = bind_socket(o, ZMQ_PULL);
    zmq_msg_t message;
    zmq_msg_init(&message);
    for (int i = 0; i < o->peers; i++)
        receive(sock, &message);
    printf("{\"ready\": true}\n");
    receive(sock, &message);
    double start = now();
    for (long i = 0; i < o->count; i++)
        receive(sock, &message);
    double seconds = now() - start;
    zmq_msg_close(&message);
    printf("{\"seconds\": %.9f, \"count\": %ld}\n", seconds, o->count);
    hear();
    zmq_close(sock);
}

static void run_push(const struct options *o)
{
    void *sock = connect_socket(o, ZMQ_PUSH);
    char *body = calloc(1, o->size + 1);
    check(zmq_send(sock, "hello", 5, 0) >= 0, "send");
    hear();
    for (long i = 0; i <= o->count; i++)
        check(zmq_send(sock, body, o->size, 0) >= 0, "send");
    hear();
    free(body);
    zmq_close(sock);
}

struct sending {
    void *sock;
    size_t size;
    long count;
};

static void *send_all(void *argument)
{
    struct sending *work = argument;
    char *body = calloc(1, work->size + 1);
    for (long i = 0; i <= work->count; i++)
        check(zmq_send(work->sock, body, work->size, 0) >= 0, "send");
    free(body);
    return NULL;
}

static void run_inproc(const struct options *o)
{
    void *pull = open_socket(o, ZMQ_PULL), *push = open_socket(o, ZMQ_PUSH);
    struct sending work = {push, o->size, o->count};
    pthread_t thread;
    zmq_msg_t message;
    zmq_msg_init(&message);
    check(!zmq_bind(pull, "inproc://bench"), "bind");
    check(!zmq_connect(push, "inproc://bench"), "connect");
    check(!pthread_create(&thread, NULL, send_all, &work), "thread");
    receive(pull, &message);
    double start = now();
    for (long i = 0; i < o->count; i++)
        receive(pull, &message);
    printf("{\"seconds\": %.9f, \"count\": %ld}\n", now() - start, o->count);
    pthread_join(thread, NULL);
    hear();
    zmq_msg_close(&message);
    zmq_close(push);
    zmq_close(pull);
}

static void run_rep(const struct options *o)
{
    void *sock = bind_socket(o, ZMQ_REP);
    zmq_msg_t message;
    zmq_msg_init(&message);
    for (long i = 0; i < WARM_UP + o->count; i++) {
        receive(sock, &message);
        check(zmq_msg_send(&message, sock, 0) >= 0, "send");
    }
    hear();
    zmq_msg_close(&message);
    zmq_close(sock);
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print_quantiles(double *times, long count)
{
    qsort(times, (size_t)count, sizeof *times, ascending);
    printf("\"quantiles\": [");
    for (int step = 0; step < 102; step++) {
        double q = step < 100 ? step / 100.0 : step == 100 ? 0.995 : 0.999;
        printf("%s%.9f", step ? ", " : "", times[(long)(q * (double)count)]);
    }
    printf("]");
}

static void run_req(const struct options *o)
{
    void *sock = connect_socket(o, ZMQ_REQ);
    char *body = calloc(1, o->size + 1);
    double *times = calloc((size_t)o->count, sizeof *times);
    zmq_msg_t message;
    zmq_msg_init(&message);
    hear();
    double begin = 0;
    for (long i = -WARM_UP; i < o->count; i++) {
        double start = now();
        if (i == 0)
            begin = start;
        check(zmq_send(sock, body, o->size, 0) >= 0, "send");
        receive(sock, &message);
        if (i >= 0)
            times[i] = now() - start;
    }
    printf("{\"seconds\": %.9f, \"count\": %ld, ", now() - begin, o->count);
    print_quantiles(times, o->count);
    printf("}\n");
    hear();
    zmq_msg_close(&message);
    free(times);
    free(body);
    zmq_close(sock);
}

static void run_version(void)
{
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    printf("{\"version\": \"libzmq %d.%d.%d\"}\n", major, minor, patch);
}

int main(int argc, char **argv)
{
    struct options o = parse(argc, argv);
    alarm(LONGEST_LIFE);
    setvbuf(stdout, NULL, _IOLBF, 0);
    context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_IO_THREADS, o.io_threads);
    if (!strcmp(o.worker, "pull"))
        run_pull(&o);
    else if (!strcmp(o.worker, "push"))
        run_push(&o);
    else if (!strcmp(o.worker, "rep"))
        run_rep(&o);
    else if (!strcmp(o.worker, "req"))
        run_req(&o);
    else if (!strcmp(o.worker, "inproc"))
        run_inproc(&o);
    else if (!strcmp(o.worker, "version"))
        run_version();
    else
        printf("{\"skip\": \"no C worker %s\"}\n", o.worker);
    zmq_ctx_term(context);
    return 0;
}
