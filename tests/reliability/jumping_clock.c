/* A wall clock that jumps by up to ten years, back and forth, each time it is asked; for LD_PRELOAD. The monotonic clocks go on. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long jump(void) {
    static atomic_uint asked;
    const unsigned number = atomic_fetch_add(&asked, 1) * 2654435761u;
    return (long)(number % 630720000u) - 315360000;
}

int clock_gettime(clockid_t clock, struct timespec* to) {
    const int result = (int)syscall(SYS_clock_gettime, clock, to);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) to->tv_sec += jump();
    return result;
}

int gettimeofday(struct timeval* restrict to, void* restrict zone) {
    const int result = (int)syscall(SYS_gettimeofday, to, zone);
    if (result == 0) to->tv_sec += jump();
    return result;
}

time_t time(time_t* to) {
    const time_t now = (time_t)syscall(SYS_time, NULL) + jump();
    if (to) *to = now;
    return now;
}
