// needs: common/core
/* core: status text, arena limits, random streams, hashes, packing, the queue between threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/arena.h"
#include "common/core/bytes.h"
#include "common/core/queue.h"
#include "common/core/rng.h"
#include "common/core/status.h"

static void error_text_is_one_line_with_its_context(void **state) {
    (void)state;
    assert_int_equal(fail(BS_CORRUPT, "bad\nbyte %d", 7), BS_CORRUPT);
    assert_int_equal(fail_in(BS_CORRUPT, "song.wav"), BS_CORRUPT);
    assert_string_equal(error_text(), "song.wav: bad byte 7");
    assert_int_equal(status_class(BS_TIMEOUT), STATUS_LATER);
    assert_string_equal(status_name(BS_NOMEM), "BS_NOMEM");
}

static void arena_gives_zeroed_aligned_memory_up_to_its_maximum(void **state) {
    (void)state;
    Arena a;
    arena_init(&a, 1 << 16);
    size_t total = 0;
    for (;;) {
        unsigned char *p = arena_alloc(&a, 100);
        if (!p) break;
        assert_int_equal((uintptr_t)p % 64, 0);
        for (int i = 0; i < 100; i++) assert_int_equal(p[i], 0);
        memset(p, 0xff, 100);
        total += 128;
    }
    assert_int_equal(total, 1 << 16);
    arena_drop(&a);
    assert_non_null(arena_alloc(&a, 10));
    arena_drop(&a);
}

static void random_numbers_depend_on_key_and_place_only(void **state) {
    (void)state;
    Rng a = rng_at(42, 7), b = rng_at(42, 7), other = rng_at(42, 8);
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_u64(&a);
        assert_int_equal(x, rng_u64(&b));
        assert_int_not_equal(x, rng_u64(&other));
    }
    b = rng_at(42, 7);
    b.counter = 100;
    assert_int_equal(rng_u64(&a), rng_u64(&b));
}

static void random_numbers_below_n_are_uniform(void **state) {
    (void)state;
    Rng r = rng_at(1, 1);
    int count[7] = {0};
    double mean = 0;
    for (int i = 0; i < 70000; i++) {
        count[rng_below(&r, 7)]++;
        double x = rng_f64(&r);
        assert_true(x >= 0 && x < 1);
        mean += x / 70000;
    }
    for (int i = 0; i < 7; i++) assert_in_range(count[i], 9600, 10400);
    assert_true(mean > 0.495 && mean < 0.505);
}

static void hash_is_blake2b_and_its_text_round_trips(void **state) {
    (void)state;
    Hash h = hash_bytes("", 0), back;
    char hex[HASH_HEX];
    hash_hex(&h, hex);
    assert_string_equal(hex, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    assert_true(hash_parse(&back, hex));
    assert_true(hash_equal(&h, &back));
    assert_false(hash_parse(&back, "0e57"));
    hex[3] = 'x';
    assert_false(hash_parse(&back, hex));
    HashState s;
    hash_begin(&s);
    hash_add(&s, "ab", 2);
    hash_add(&s, "c", 1);
    Hash pieces = hash_end(&s), whole = hash_bytes("abc", 3);
    assert_true(hash_equal(&pieces, &whole));
}

static void packed_values_come_back_and_a_short_reader_turns_bad(void **state) {
    (void)state;
    ByteWriter w;
    bytes_init(&w, 1000);
    bytes_u8(&w, 200);
    bytes_i32(&w, -5);
    bytes_u64(&w, 1ull << 60);
    bytes_f32(&w, 1.5f);
    bytes_text(&w, "tune");
    ByteReader r = reader_of(w.bytes, w.n_bytes);
    char text[8];
    assert_int_equal(read_u8(&r), 200);
    assert_int_equal(read_i32(&r), -5);
    assert_true(read_u64(&r) == 1ull << 60);
    assert_true(read_f32(&r) == 1.5f);
    read_text(&r, text, sizeof text);
    assert_string_equal(text, "tune");
    assert_false(r.bad);
    assert_int_equal(read_u32(&r), 0);
    assert_true(r.bad);
    r = reader_of(w.bytes, w.n_bytes);
    read_raw(&r, w.n_bytes - 6);
    read_text(&r, text, 4); /* "tune" needs 5 */
    assert_true(r.bad);
    bytes_drop(&w);
    bytes_init(&w, 4);
    bytes_u64(&w, 1);
    assert_true(w.bad);
    assert_int_equal(w.n_bytes, 0);
    bytes_drop(&w);
    bytes_init(&w, 1000);
    bytes_printf(&w, "%d %s", 12, "beats");
    assert_int_equal(w.n_bytes, 8);
    assert_memory_equal(w.bytes, "12 beats", 8);
    bytes_printf(&w, "%600d", 1);
    assert_true(w.bad);
    bytes_drop(&w);
}

static void not_a_number_is_refused_by_the_reader(void **state) {
    (void)state;
    uint32_t nan = 0x7fc00000, infinity = 0x7f800000;
    ByteReader r = reader_of(&nan, 4);
    read_f32(&r);
    assert_true(r.bad);
    r = reader_of(&infinity, 4);
    read_f32(&r);
    assert_true(r.bad);
}

enum { N_ITEMS = 20000 };
static void *push_numbers(void *context) {
    for (int i = 1; i <= N_ITEMS; i++)
        if (queue_push(context, &i, -1) != BS_OK) return context;
    return NULL;
}

static void queue_hands_every_item_over_once(void **state) {
    (void)state;
    Queue *q;
    assert_int_equal(queue_open(&q, sizeof(int), 16), BS_OK);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, push_numbers, q);
    int64_t sum = 0;
    for (int i = 0; i < 2 * N_ITEMS; i++) {
        int item;
        assert_int_equal(queue_pop(q, &item, 5000), BS_OK);
        sum += item;
    }
    void *failed;
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_true(sum == (int64_t)N_ITEMS * (N_ITEMS + 1));
    int item;
    assert_int_equal(queue_pop(q, &item, 10), BS_TIMEOUT);
    queue_shut(q);
    assert_int_equal(queue_pop(q, &item, -1), BS_CLOSED);
    assert_int_equal(queue_push(q, &item, -1), BS_CLOSED);
    queue_close(q);
}

static void full_queue_refuses_instead_of_growing(void **state) {
    (void)state;
    Queue *q;
    assert_int_equal(queue_open(&q, sizeof(int), 3), BS_OK);
    int item = 1;
    for (int i = 0; i < 3; i++) assert_int_equal(queue_push(q, &item, 0), BS_OK);
    assert_int_equal(queue_push(q, &item, 5), BS_TIMEOUT);
    assert_int_equal(queue_size(q), 3);
    queue_shut(q);
    for (int i = 0; i < 3; i++)
        assert_int_equal(queue_pop(q, &item, 0), BS_OK); /* the rest still comes out */
    assert_int_equal(queue_pop(q, &item, 0), BS_CLOSED);
    queue_close(q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_text_is_one_line_with_its_context),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory_up_to_its_maximum),
        cmocka_unit_test(random_numbers_depend_on_key_and_place_only),
        cmocka_unit_test(random_numbers_below_n_are_uniform),
        cmocka_unit_test(hash_is_blake2b_and_its_text_round_trips),
        cmocka_unit_test(packed_values_come_back_and_a_short_reader_turns_bad),
        cmocka_unit_test(not_a_number_is_refused_by_the_reader),
        cmocka_unit_test(queue_hands_every_item_over_once),
        cmocka_unit_test(full_queue_refuses_instead_of_growing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
