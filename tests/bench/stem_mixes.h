#pragma once
/* Mono mixes whose stems are known: the tracks of a simulated session, or the players of a piece from
 * elsewhere, each through a room, and their sum. For benches and trainers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/audio.h"
#include "common/core/rng.h"
#include "featurizer/dsp/frames.h"
#include "featurizer/dsp/stem_levels.h"
#include "featurizer/dsp/stem_mask.h"
#include "simulator/session.h"
#include "tests/bench/elsewhere.h"

typedef struct StemMix {
    float *mix, *stem[STEMS]; /* [n] each, owned; a stem that nobody plays is zeros */
    int64_t n;
    int32_t rate_hz;
    Truth *truth; /* of the session, owned; NULL for pieces from elsewhere */
} StemMix;

static inline void stem_mix_drop(StemMix *m) {
    free(m->mix);
    for (int s = 0; s < STEMS; s++) free(m->stem[s]);
    truth_free(m->truth);
    *m = (StemMix){0};
}

static inline Stem stem_of_part(int part) {
    return part == PART_DRUMS   ? STEM_DRUMS
           : part == PART_BASS  ? STEM_BASS
           : part == PART_VOICE ? STEM_VOCALS
                                : STEM_OTHER;
}

/* Adds what the room makes of one player's sound. */
static inline Status stem_mix_add(StemMix *m, Stem stem, float *sound, int64_t n, const RoomPlan *room) {
    Status st = BS_OK;
    float *heard = NULL;
    int64_t n_heard = 0;
    TRY(room_reverberate(room, sound, n, 0));
    TRY(resample(sound, n, SESSION_RATE, m->rate_hz, 1, &heard, &n_heard));
    for (int64_t i = 0; i < m->n && i < n_heard; i++) m->stem[stem][i] += heard[i];
out:
    free(heard);
    return st;
}

static inline Status stem_mix_new(StemMix *m, int64_t n, int32_t rate_hz) {
    *m = (StemMix){.rate_hz = rate_hz, .n = n * rate_hz / SESSION_RATE};
    m->mix = calloc((size_t)m->n, sizeof(float));
    for (int s = 0; s < STEMS; s++) m->stem[s] = calloc((size_t)m->n, sizeof(float));
    for (int s = 0; s < STEMS; s++)
        if (!m->mix || !m->stem[s]) return fail(BS_NOMEM, "stems: out of memory");
    return BS_OK;
}

/* The sum of the stems, and the room's hiss. */
static inline void stem_mix_sum(StemMix *m, double noise_db, Rng *r) {
    double power = 1e-12;
    for (int64_t i = 0; i < m->n; i++) {
        for (int s = 0; s < STEMS; s++) m->mix[i] += m->stem[s][i];
        power += (double)m->mix[i] * m->mix[i] / (double)m->n;
    }
    double hiss = sqrt(3 * power) * pow(10, (noise_db + 18) / 20);
    for (int64_t i = 0; i < m->n; i++) m->mix[i] += (float)rng_between(r, -hiss, hiss);
}

/* A level and a tone of its own. */
static inline void stem_mix_colour(float *x, int64_t n, Rng *r) {
    float gain = (float)pow(10, rng_between(r, -7, 7) / 20), tilt = (float)rng_between(r, -0.5, 0.5), low = 0;
    for (int64_t i = 0; i < n; i++) {
        low += 0.1F * (x[i] - low);
        x[i] = gain * (x[i] + tilt * (x[i] - 2 * low));
    }
}

/* Of a simulated session. vary: every part gets a level and a tone of its own, and some are left out, so that
 * what is learnt is not the simulator's own balance. */
static inline Status stem_mix_make(StemMix *m, uint64_t seed, double length_s, int32_t rate_hz, bool vary) {
    Status st = BS_OK;
    Session session = {0};
    RoomPlan room;
    Rng r = rng_at(seed, 0x7374656d);
    *m = (StemMix){0};
    TRY(session_make_tracks(&session, "stems", seed, length_s));
    TRY(stem_mix_new(m, session.n_samples, rate_hz));
    room_draw(&room, seed);
    for (int p = 0; p < PARTS; p++) {
        bool out = vary && rng_between(&r, 0, 1) < 0.12;
        if (!session.tracks[p] || out) continue;
        if (vary) stem_mix_colour(session.tracks[p], session.n_samples, &r);
        TRY(stem_mix_add(m, stem_of_part(p), session.tracks[p], session.n_samples, &room));
    }
    stem_mix_sum(m, room.noise_db, &r);
    m->truth = session.truth;
    session.truth = NULL;
out:
    session_drop(&session);
    if (st != BS_OK) stem_mix_drop(m);
    return st;
}

/* Of piece `number` from elsewhere (elsewhere.h); in every other one a simulated singer sings along. */
static inline Status stem_mix_elsewhere(StemMix *m, int number, uint64_t seed, int32_t rate_hz) {
    static const PieceSound sounds[] = {PIECE_DRUMS, PIECE_BASS, PIECE_CHORDS};
    static const Stem as[] = {STEM_DRUMS, STEM_BASS, STEM_OTHER};
    Status st = BS_OK;
    Session session = {0};
    Piece piece = {0};
    RoomPlan room;
    Rng r = rng_at(rng_mix(seed, (uint64_t)number), 0x7374656d);
    *m = (StemMix){0};
    room_draw(&room, rng_mix(seed, (uint64_t)number));
    for (int i = 0; i < 3; i++) {
        piece_make_of(&piece, number, seed, sounds[i]);
        if (!piece.samples) TRY(fail(BS_NOMEM, "stems: out of memory"));
        if (i == 0) TRY(stem_mix_new(m, piece.n_samples, rate_hz));
        TRY(stem_mix_add(m, as[i], piece.samples, piece.n_samples, &room));
        free(piece.samples);
        piece.samples = NULL;
    }
    if (number / ELSEWHERE_STYLES % 2 == 0) {
        TRY(session_make_tracks(&session, "stems", rng_mix(seed, 100 + (uint64_t)number), 45));
        float *voice = session.tracks[PART_VOICE], gain = (float)rng_between(&r, 0.1, 0.6), peak = 1e-6F;
        for (int64_t i = 0; voice && i < session.n_samples; i++)
            peak = fabsf(voice[i]) > peak ? fabsf(voice[i]) : peak;
        for (int64_t i = 0; voice && i < session.n_samples; i++) voice[i] *= gain / peak;
        if (voice) TRY(stem_mix_add(m, STEM_VOCALS, voice, session.n_samples, &room));
    }
    stem_mix_sum(m, room.noise_db, &r);
out:
    free(piece.samples);
    session_drop(&session);
    if (st != BS_OK) stem_mix_drop(m);
    return st;
}

/* sings[k] is 1 where the vocals are there around STEM_LEVEL_HOP * k, in a mix at ANALYSIS_HZ: in that
 * quarter of a second less than 25 dB under their own loud passages, and less than 20 dB under the mix. */
static inline Status stem_mix_sings(const StemMix *m, int32_t n, float *sings) {
    const float *v = m->stem[STEM_VOCALS];
    StemLoud loud = {.rate_hz = m->rate_hz};
    double top = 0;
    Status st = BS_OK;
    for (int64_t at = 0; at + m->rate_hz / 20 <= m->n; at += m->rate_hz / 20) { /* where they sing at all */
        double power = 0;
        for (int64_t i = at; i < at + m->rate_hz / 20; i++) power += (double)v[i] * v[i];
        if (power > 1e-6 * top) TRY(stem_loud_add(&loud, v + at, m->rate_hz / 20));
        top = power > top ? power : top;
    }
    float own = stem_loud_end(&loud);
    for (int32_t k = 0; k < n; k++) {
        double vocals = 0, all = 1e-12;
        const int64_t middle = (int64_t)k * STEM_LEVEL_HOP, reach = m->rate_hz / 8;
        for (int64_t i = middle - reach < 0 ? 0 : middle - reach; i < middle + reach && i < m->n; i++)
            vocals += (double)v[i] * v[i], all += (double)m->mix[i] * m->mix[i];
        sings[k] = own > 0 && vocals > 2 * (double)reach * (double)own * (double)own * 0.00316 &&
                   vocals > 1e-2 * all;
    }
out:
    return st;
}

/* Scale-invariant signal-to-distortion ratio in dB (Le Roux et al.: "SDR - half-baked or well done?", 2019):
 * the estimate's part along the truth against all else in it. */
static inline double stem_sdr(const float *truth, const float *estimate, int64_t n) {
    double tt = 1e-20, te = 0, ee = 0;
    for (int64_t i = 0; i < n; i++) {
        tt += (double)truth[i] * truth[i];
        te += (double)truth[i] * estimate[i];
        ee += (double)estimate[i] * estimate[i];
    }
    double along = te * te / tt;
    return 10 * log10((along + 1e-20) / (ee - along > 1e-20 ? ee - along : 1e-20));
}
