/* Preloaded: CLOCK_MONOTONIC stands still until still_clock_set() is called. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long present_ms = 1000000;

int clock_gettime(clockid_t which, struct timespec *is)
{
    if (which != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, which, is);
    is->tv_sec = present_ms / 1000;
    is->tv_nsec = present_ms % 1000 * 1000000;
    return 0;
}

static long long real_ns(void)
{
    struct timespec is;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC_RAW, &is);
    return is.tv_sec * 1000000000LL + is.tv_nsec;
}

/* libzmq does not look at the clock again before half a million ticks of the processor's counter
   (src/clock.cpp, clock_precision): half a millisecond, where it has 1 GHz. */
void still_clock_set(long long ms)
{
    long long until = real_ns() + 500000;
    present_ms = ms;
    while (real_ns() < until)
        ;
}
