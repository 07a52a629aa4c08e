#pragma once
/* Queue: a bounded first-in first-out queue of fixed-size items between threads.
 *
 * Any number of threads push and pop; never drops and never grows. queue_fd() is readable while items
 * wait, so a thread that polls sockets can poll the queue in the same call. */
#include "common/core/status.h"

typedef struct Queue Queue;

Status queue_open(Queue **out, size_t item_bytes, size_t capacity);
void queue_close(Queue *q); /* NULL is fine; no thread may be inside */

/* timeout_ms: 0 = at once, < 0 = for ever. BS_TIMEOUT when full (push) or empty (pop) for that long;
 * BS_CLOSED after queue_shut: pushes at once, pops when the rest is out. */
Status queue_push(Queue *q, const void *item, int timeout_ms);
Status queue_pop(Queue *q, void *item, int timeout_ms);
void queue_shut(Queue *q);
size_t queue_size(Queue *q);
int queue_fd(Queue *q);
