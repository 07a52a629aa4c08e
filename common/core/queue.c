/* A ring under one mutex; the eventfd holds 1 while the ring is not empty. */
#include "common/core/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct Queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    size_t item_bytes, capacity, head, n;
    bool shut;
    int fd;
    unsigned char *ring;
};

Status queue_open(Queue **out, size_t item_bytes, size_t capacity) {
    Queue *q = calloc(1, sizeof *q);
    unsigned char *ring = malloc(item_bytes * capacity);
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!q || !ring || fd < 0) {
        free(q);
        free(ring);
        if (fd >= 0) close(fd);
        return fail(BS_NOMEM, "queue: cannot allocate %zu items of %zu bytes", capacity, item_bytes);
    }
    *q = (Queue){.item_bytes = item_bytes, .capacity = capacity, .fd = fd, .ring = ring};
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->not_empty, &attr);
    pthread_cond_init(&q->not_full, &attr);
    pthread_condattr_destroy(&attr);
    *out = q;
    return BS_OK;
}

void queue_close(Queue *q) {
    if (!q) return;
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->not_empty);
    pthread_cond_destroy(&q->not_full);
    close(q->fd);
    free(q->ring);
    free(q);
}

static struct timespec deadline_of(int timeout_ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Waits on `cond` under the lock; false when the time is over. */
static bool wait_on(Queue *q, pthread_cond_t *cond, int timeout_ms, const struct timespec *deadline) {
    if (timeout_ms == 0) return false;
    if (timeout_ms < 0) return pthread_cond_wait(cond, &q->lock) == 0;
    return pthread_cond_timedwait(cond, &q->lock, deadline) != ETIMEDOUT;
}

static void set_fd(Queue *q, bool ready) {
    uint64_t one = 1;
    ssize_t n = ready ? write(q->fd, &one, sizeof one) : read(q->fd, &one, sizeof one);
    (void)n; /* EAGAIN only says that it is in that state already */
}

Status queue_push(Queue *q, const void *item, int timeout_ms) {
    Status st = BS_OK;
    struct timespec deadline = deadline_of(timeout_ms > 0 ? timeout_ms : 0);
    pthread_mutex_lock(&q->lock);
    while (q->n == q->capacity && !q->shut)
        if (!wait_on(q, &q->not_full, timeout_ms, &deadline)) break;
    if (q->shut)
        st = BS_CLOSED;
    else if (q->n == q->capacity)
        st = BS_TIMEOUT;
    else {
        memcpy(q->ring + (q->head + q->n) % q->capacity * q->item_bytes, item, q->item_bytes);
        if (q->n++ == 0) set_fd(q, true);
        pthread_cond_signal(&q->not_empty);
    }
    pthread_mutex_unlock(&q->lock);
    return st;
}

Status queue_pop(Queue *q, void *item, int timeout_ms) {
    Status st = BS_OK;
    struct timespec deadline = deadline_of(timeout_ms > 0 ? timeout_ms : 0);
    pthread_mutex_lock(&q->lock);
    while (q->n == 0 && !q->shut)
        if (!wait_on(q, &q->not_empty, timeout_ms, &deadline)) break;
    if (q->n == 0)
        st = q->shut ? BS_CLOSED : BS_TIMEOUT;
    else {
        memcpy(item, q->ring + q->head * q->item_bytes, q->item_bytes);
        q->head = (q->head + 1) % q->capacity;
        if (--q->n == 0 && !q->shut) set_fd(q, false);
        pthread_cond_signal(&q->not_full);
    }
    pthread_mutex_unlock(&q->lock);
    return st;
}

void queue_shut(Queue *q) {
    pthread_mutex_lock(&q->lock);
    if (!q->shut) {
        q->shut = true;
        set_fd(q, true);
        pthread_cond_broadcast(&q->not_empty);
        pthread_cond_broadcast(&q->not_full);
    }
    pthread_mutex_unlock(&q->lock);
}

size_t queue_size(Queue *q) {
    pthread_mutex_lock(&q->lock);
    size_t n = q->n;
    pthread_mutex_unlock(&q->lock);
    return n;
}

int queue_fd(Queue *q) { return q->fd; }
