/* Attacks are what the ear times. With one on either line of a seam, the ramp goes into the quietest place
 * before the earlier one; without any, it is centred, within 15 ms where the lines agree best. A long fade
 * blends what both lines play: hits that are struck together stay one, hits 6 to 60 ms apart would be heard
 * as two, and then the fade keeps to a stretch in which neither line strikes. */
#include "common/audio/mix_place.h"
#include "common/audio/mix_fade.h"

#include <math.h>
#include <stdlib.h>

enum {
    ATTACK_FROM_MS = -45, /* where an attack of the written beat may be heard: beats are placed that well */
    ATTACK_TO_MS = 40,
    SEARCH_MS = 60, /* percussive ramps end 3 to 60 ms before the attack */
    GUARD_MS = 3,
    JUMP_MS = 15,
    COVERED_MS = 5, /* before a hit, within which what begins is heard as part of it */
    SLOW_MS = 30,
    SUSTAINED_MS = 30,
    SHIFT_MS = 15,
    SHORT_BEFORE_MS = 120, /* what is read around a short seam */
    SHORT_AFTER_MS = 60,
    TOGETHER_MS = 3, /* two hits that are heard as one, and as a flam */
    FLAM_MS = 60,
    SOUNDED_MS = 10, /* after which a hit has sounded */
    LEAD_STRUCK_MS = 10,
    LEAD_MS = 20,
    LONG_MARGIN_MS = FLAM_MS + MIX_BEFORE_MS + MIX_AFTER_MS,
};

#define JUMP_RATIO 6.0

void place_init(Place *place, AudioReader *reader, const Tracks *tracks) {
    const AudioInfo info = audio_info(reader);
    *place = (Place){
        .reader = reader, .tracks = tracks, .ms = info.sample_rate_hz / 1000, .wide = info.n_channels};
}

void place_drop(Place *place) {
    probe_drop(&place->a);
    probe_drop(&place->b);
    probe_drop(&place->drums);
}

/* The first attack of a line around `at`: in the mix, or earlier in a track of drums, where nothing covers
 * it. ATTACK_TO_MS + 1 when nothing is struck. */
static Status first_attack(Place *p, const Probe *line, const Probe *other, int64_t at, int32_t *attack_ms) {
    Status st = BS_OK;
    int32_t found[MIX_MAX_ATTACKS];
    *attack_ms =
        probe_attacks(line, other, ATTACK_FROM_MS, ATTACK_TO_MS, found) ? found[0] : ATTACK_TO_MS + 1;
    for (int32_t i = 0; p->tracks && i < p->tracks->n; i++) {
        const Track *track = &p->tracks->list[i];
        if (track->stem != STEM_DRUMS) continue;
        TRY(probe_read(&p->drums, track->reader, at, SHORT_BEFORE_MS, SHORT_AFTER_MS));
        if (probe_attacks(&p->drums, &p->drums, ATTACK_FROM_MS, ATTACK_TO_MS, found) && found[0] < *attack_ms)
            *attack_ms = found[0];
    }
out:
    return st;
}

/* Energy of both lines in n milliseconds from at_ms. */
static double energy_in(const Place *p, int32_t at_ms, int32_t n_ms) {
    double e = 0;
    for (int32_t t = at_ms; t < at_ms + n_ms; t++)
        e += (probe_energy(&p->a, t) + probe_energy(&p->b, t)) / n_ms;
    return e;
}

/* Is the new line much louder than the old just before the attack, in all or in what is high? */
static bool jumps_up(const Place *p, int32_t last_ms) {
    double energy = 0, edge = 0, old_energy = MIX_SILENCE, old_edge = MIX_SILENCE;
    for (int32_t t = p->a.before_ms + last_ms - JUMP_MS; t < p->a.before_ms + last_ms; t++) {
        energy += p->b.energy[t];
        edge += p->b.edge[t];
        old_energy += p->a.energy[t];
        old_edge += p->a.edge[t];
    }
    return energy > JUMP_RATIO * old_energy || edge > JUMP_RATIO * old_edge;
}

/* The quietest stretch that ends 3 to 60 ms before the attack: the longest that is not much louder than the
 * best 5 ms (of less, troughs of a low note would be taken for silence), and of those about as quiet the
 * nearest to the attack. What the new line holds and the old did not begins with the ramp; where that is
 * much, the ramp is short and as near to the attack as it can be, so that it is not heard as a hit before the
 * hit; unless the new line strikes too late to cover it, for then only a slow ramp is no hit. */
static void before_attack(const Place *p, int32_t attack_ms, int32_t attack_b_ms, Seam *seam) {
    static const int32_t lengths[] = {15, 10, 7, 5};
    const int32_t last = attack_ms - GUARD_MS, shortest = lengths[3];
    const bool jumps = jumps_up(p, last);
    double quietest = energy_in(p, last - shortest, shortest);
    for (int32_t t = attack_ms - SEARCH_MS; t + shortest <= last; t++)
        quietest = fmin(quietest, energy_in(p, t, shortest));
    int32_t n = shortest, at = last - shortest;
    for (int k = 0; k < 4 && !jumps; k++) {
        double least = energy_in(p, last - lengths[k], lengths[k]);
        for (int32_t t = attack_ms - SEARCH_MS; t + lengths[k] <= last; t++)
            least = fmin(least, energy_in(p, t, lengths[k]));
        if (least > 4 * (quietest + MIX_SILENCE)) continue;
        n = lengths[k];
        at = last - n;
        while (energy_in(p, at, n) > 2 * least + MIX_SILENCE) at--;
        break;
    }
    if (jumps && attack_b_ms - last > COVERED_MS) {
        n = SLOW_MS;
        at = last - n;
    }
    seam->fade_samples = (int32_t)(n * p->ms);
    seam->fade_start = seam->out_sample + at * p->ms;
    seam->percussive = 1;
}

/* Centred, moved by up to 15 ms to where the two lines agree best. */
static void sustained(const Place *p, Seam *seam) {
    const int n = SUSTAINED_MS;
    double best = -2;
    int best_at = -n / 2;
    for (int k = 0; k <= 2 * SHIFT_MS; k++) {
        const int shift = k % 2 ? -(k + 1) / 2 : k / 2, t = shift - n / 2; /* 0, -1, 1, -2, 2, ... */
        const int64_t from = (SHORT_BEFORE_MS + t) * p->ms * p->wide;
        const double rho = mix_correlation(p->a.samples + from, p->b.samples + from, n * p->ms * p->wide);
        if (rho > best + 0.01) {
            best = rho;
            best_at = t;
        }
    }
    seam->fade_samples = (int32_t)(n * p->ms);
    seam->fade_start = seam->out_sample + best_at * p->ms;
}

Status place_short(Place *p, Seam *seam) {
    Status st = BS_OK;
    int32_t attack_a, attack_b;
    TRY(probe_read(&p->a, p->reader, seam->from_sample, SHORT_BEFORE_MS, SHORT_AFTER_MS));
    TRY(probe_read(&p->b, p->reader, seam->to_sample, SHORT_BEFORE_MS, SHORT_AFTER_MS));
    TRY(first_attack(p, &p->a, &p->b, seam->from_sample, &attack_a));
    TRY(first_attack(p, &p->b, &p->a, seam->to_sample, &attack_b));
    const int32_t attack = attack_a < attack_b ? attack_a : attack_b;
    if (attack <= ATTACK_TO_MS)
        before_attack(p, attack, attack_b, seam);
    else
        sustained(p, seam);
out:
    return st;
}

/* ---- long fades */

typedef struct Attacks {
    int32_t n, at_ms[MIX_MAX_ATTACKS];
} Attacks;

static int32_t distance_to(const Attacks *others, int32_t at_ms) {
    int32_t nearest = INT32_MAX;
    for (int32_t i = 0; i < others->n; i++)
        if (abs(others->at_ms[i] - at_ms) < nearest) nearest = abs(others->at_ms[i] - at_ms);
    return nearest;
}

/* Is some hit followed by the other line's as a flam, where neither line is faint? */
static bool hits_apart(const Attacks *a, const Attacks *b, int32_t from_ms, int32_t n_ms) {
    for (int32_t i = 0; i < a->n; i++) {
        if (a->at_ms[i] < from_ms + n_ms / 8 || a->at_ms[i] > from_ms + n_ms - n_ms / 8) continue;
        const int32_t d = distance_to(b, a->at_ms[i]);
        if (d > TOGETHER_MS && d <= FLAM_MS) return true;
    }
    return false;
}

static int by_value(const void *a, const void *b) { return *(const int32_t *)a - *(const int32_t *)b; }

/* The longest stretch of the fade in which neither line strikes; of those at least half as long, the one
 * nearest to the seam. */
static void between_hits(const Place *p, const Attacks *a, const Attacks *b, int32_t from_ms, int32_t n_ms,
                         Seam *seam) {
    int32_t all[2 * MIX_MAX_ATTACKS + 1], n = 0, longest = 0;
    for (int32_t i = 0; i < a->n; i++) all[n++] = a->at_ms[i];
    for (int32_t i = 0; i < b->n; i++) all[n++] = b->at_ms[i];
    qsort(all, (size_t)n, sizeof *all, by_value);
    all[n++] = from_ms + n_ms + GUARD_MS;
    for (int pass = 0; pass < 2; pass++) {
        int32_t begin = from_ms, nearest = INT32_MAX;
        for (int32_t i = 0; i < n; i++) {
            int32_t end = all[i] - GUARD_MS;
            if (end > from_ms + n_ms) end = from_ms + n_ms;
            const int32_t length = end - begin, middle = begin + length / 2;
            const int32_t distance = middle > 0 ? middle + n_ms / 4 : -middle;
            if (pass == 0 && length > longest) longest = length;
            if (pass == 1 && length > 0 && 2 * length >= longest && distance < nearest) {
                nearest = distance;
                seam->fade_start = seam->out_sample + begin * p->ms;
                seam->fade_samples = (int32_t)(length * p->ms);
            }
            if (all[i] + SOUNDED_MS > begin) begin = all[i] + SOUNDED_MS;
        }
    }
    seam->percussive = 1;
}

Status place_long(Place *p, Seam *seam, int64_t n_samples) {
    Status st = BS_OK;
    Attacks a, b;
    const int32_t n_ms = (int32_t)(n_samples / p->ms), from_ms = -(n_ms / 2);
    seam->fade_samples = (int32_t)n_samples;
    seam->fade_start = seam->out_sample - n_samples / 2;
    TRY(probe_read(&p->a, p->reader, seam->from_sample, LONG_MARGIN_MS - from_ms,
                   from_ms + n_ms + LONG_MARGIN_MS));
    TRY(probe_read(&p->b, p->reader, seam->to_sample, LONG_MARGIN_MS - from_ms,
                   from_ms + n_ms + LONG_MARGIN_MS));
    a.n = probe_attacks(&p->a, &p->b, from_ms - FLAM_MS, from_ms + n_ms + FLAM_MS, a.at_ms);
    b.n = probe_attacks(&p->b, &p->a, from_ms - FLAM_MS, from_ms + n_ms + FLAM_MS, b.at_ms);
    if (hits_apart(&a, &b, from_ms, n_ms) || hits_apart(&b, &a, from_ms, n_ms))
        between_hits(p, &a, &b, from_ms, n_ms, seam);
out:
    return st;
}

/* ---- the ends of a song */

Status place_lead_in(Place *p, int64_t at, int64_t *n_samples, int64_t *fade_samples) {
    Status st = BS_OK;
    int32_t attack;
    TRY(probe_read(&p->b, p->reader, at, SHORT_BEFORE_MS, SHORT_AFTER_MS));
    TRY(first_attack(p, &p->b, &p->b, at, &attack));
    const bool struck = attack <= ATTACK_TO_MS;
    const int32_t end = struck && attack < GUARD_MS ? attack - GUARD_MS : 0,
                  fade = struck ? LEAD_STRUCK_MS : LEAD_MS;
    *n_samples = (fade - end) * p->ms;
    *fade_samples = fade * p->ms;
    if (*n_samples > at) *n_samples = at;
    if (*fade_samples > *n_samples) *fade_samples = *n_samples;
out:
    return st;
}

Status place_ring(Place *p, int64_t at, int32_t most_ms, int64_t *n_samples, Ring *ring) {
    Status st = BS_OK;
    enum { STEP_MS = 10, BACK_MS = 100 };
    const int32_t n_steps = most_ms / STEP_MS;
    TRY(probe_read(&p->a, p->reader, at, BACK_MS, n_steps * STEP_MS));
    double before = 0, least, now = 0;
    for (int32_t t = -BACK_MS; t < 0; t++) before += probe_energy(&p->a, t) / BACK_MS;
    least = before;
    int32_t k = 0;
    for (; k < n_steps; k++) {
        double e = 0;
        for (int32_t t = 0; t < STEP_MS; t++) e += probe_energy(&p->a, k * STEP_MS + t) / STEP_MS;
        if (e > 4 * least + MIX_SILENCE || e > 2 * before + MIX_SILENCE) break; /* something begins */
        now = e;
        if (e < least) least = e;
        if (e < 1e-6 * before + MIX_SILENCE) { /* 60 dB down: it has rung out */
            k++;
            break;
        }
    }
    const bool rung_out = least < 1e-6 * before + MIX_SILENCE;
    const int64_t left = audio_info(p->reader).n_samples - at;
    if (k < n_steps && k > 0 && !rung_out) k--; /* clear of what begins */
    *n_samples = k * STEP_MS * p->ms < left ? k * STEP_MS * p->ms : left;
    *ring = (Ring){.before = before, .fall = rung_out ? 1e6 : before / (now + MIX_SILENCE)};
out:
    return st;
}
