/* Patterns on a grid of sixteenths, written per label with some chance in them: the same style gives other
 * patterns in every tune, the same tune the same ones in every take. */
#include "simulator/style.h"

#include <string.h>

enum { STYLES = 13 };
static const Style styles[STYLES] = {
    /* drums bass guitar keys lead voice */
    {"rock",
     FEEL_ROCK,
     1.6f,
     88,
     152,
     4,
     .5f,
     .5f,
     1,
     1,
     {1, 1, .9f, .5f, .5f, .7f},
     KEYS_CHORDS,
     GUITAR_STRUM,
     1.5f},
    {"half-time",
     FEEL_HALF_TIME,
     .9f,
     120,
     168,
     4,
     .5f,
     .5f,
     .8f,
     .9f,
     {1, 1, .6f, .8f, .6f, .6f},
     KEYS_PAD,
     GUITAR_PICK,
     0},
    {"punk",
     FEEL_PUNK,
     .8f,
     160,
     215,
     4,
     .5f,
     .5f,
     1.2f,
     1.3f,
     {1, 1, 1, .1f, .3f, .8f},
     KEYS_CHORDS,
     GUITAR_POWER,
     6},
    {"shuffle",
     FEEL_SHUFFLE,
     1,
     84,
     140,
     4,
     .6f,
     .68f,
     1,
     1.1f,
     {1, 1, .9f, .6f, .6f, .5f},
     KEYS_CHORDS,
     GUITAR_STRUM,
     1},
    {"funk",
     FEEL_FUNK,
     .9f,
     88,
     118,
     4,
     .5f,
     .6f,
     .7f,
     .9f,
     {1, 1, .9f, .7f, .6f, .4f},
     KEYS_CHORDS,
     GUITAR_STRUM,
     .3f},
    {"disco",
     FEEL_DISCO,
     .8f,
     108,
     132,
     4,
     .5f,
     .5f,
     .3f,
     .7f,
     {1, 1, .7f, .8f, .6f, .6f},
     KEYS_CHORDS,
     GUITAR_STRUM,
     0},
    {"jazz",
     FEEL_JAZZ,
     .8f,
     110,
     200,
     4,
     .6f,
     .67f,
     1,
     1.3f,
     {.95f, 1, .5f, .9f, .9f, .2f},
     KEYS_CHORDS,
     GUITAR_STRUM,
     0},
    {"waltz",
     FEEL_WALTZ,
     1,
     92,
     176,
     3,
     .5f,
     .58f,
     1,
     1,
     {.7f, 1, .8f, .7f, .6f, .6f},
     KEYS_CHORDS,
     GUITAR_STRUM,
     .2f},
    {"slow waltz",
     FEEL_WALTZ,
     .5f,
     62,
     96,
     3,
     .5f,
     .5f,
     1,
     1,
     {.6f, 1, .7f, .8f, .5f, .7f},
     KEYS_PAD,
     GUITAR_PICK,
     0},
    {"six-eight",
     FEEL_SIX,
     1,
     120,
     210,
     6,
     .5f,
     .5f,
     1,
     1,
     {.9f, 1, .8f, .7f, .5f, .7f},
     KEYS_PAD,
     GUITAR_PICK,
     .3f},
    {"ballad",
     FEEL_BALLAD,
     1.2f,
     56,
     84,
     4,
     .5f,
     .55f,
     1,
     1,
     {.85f, 1, .6f, 1, .5f, .8f},
     KEYS_PAD,
     GUITAR_PICK,
     0},
    {"folk",
     FEEL_FOLK,
     1,
     76,
     138,
     4,
     .5f,
     .6f,
     1.3f,
     1.2f,
     {.25f, .5f, 1, .3f, .4f, .9f},
     KEYS_PAD,
     GUITAR_PICK,
     0},
    {"ambient",
     FEEL_AMBIENT,
     .5f,
     58,
     92,
     4,
     .5f,
     .5f,
     1.5f,
     1.4f,
     {.5f, .8f, .4f, 1, .9f, .4f},
     KEYS_PAD,
     GUITAR_PICK,
     0},
};

/* Dances do not stop at a section's end. */
static bool can_hold(const Style *s) {
    return s->feel != FEEL_PUNK && s->feel != FEEL_FUNK && s->feel != FEEL_DISCO;
}

const Style *style_draw(Rng *r, bool held) {
    double all = 0;
    for (int i = 0; i < STYLES; i++)
        if (!held || can_hold(&styles[i])) all += (double)styles[i].weight;
    double at = rng_f64(r) * all;
    const Style *last = NULL;
    for (int i = 0; i < STYLES; i++) {
        if (held && !can_hold(&styles[i])) continue;
        last = &styles[i];
        at -= (double)last->weight;
        if (at < 0) break;
    }
    return last;
}

static bool chance(Rng *r, double p) { return rng_f64(r) < p; }

/* ---- the kit */
static void hats(const Tune *t, TunePattern *p, int32_t every, int32_t from) {
    for (int32_t i = from; i < t->steps; i += every) {
        bool on_beat = i % t->steps_a_beat == 0;
        p->hat[i] = on_beat ? 0.9f : i % 2 ? 0.45f : 0.65f;
    }
}

static void rock_kit(const Tune *t, TunePattern *p, Rng *r, bool chorus) {
    hats(t, p, t->tempo_bpm < 95 && chorus ? 1 : t->tempo_bpm > 150 ? 4 : 2, 0);
    p->kick[0] = 1;
    p->kick[8] = 0.9f;
    p->snare[4] = p->snare[12] = 1;
    for (int32_t i = 2; i < t->steps; i += 4)
        if (chance(r, 0.25)) p->kick[i] = 0.75f;
}
static void half_time_kit(const Tune *t, TunePattern *p, Rng *r, bool chorus) {
    hats(t, p, chorus ? 2 : 4, 0);
    p->kick[0] = 1;
    p->snare[8] = 1;
    for (int32_t i = 2; i < t->steps; i += 2)
        if (i != 8 && chance(r, 0.18)) p->kick[i] = 0.75f;
}
static void punk_kit(const Tune *t, TunePattern *p, Rng *r) {
    hats(t, p, 2, 0);
    bool skank = chance(r, 0.5); /* kick and snare in turn, on eighths */
    for (int32_t i = 0; i < t->steps; i += skank ? 2 : 4) {
        bool back = i / (skank ? 2 : 4) % 2;
        if (back)
            p->snare[i] = 1;
        else
            p->kick[i] = 1;
    }
}
static void shuffle_kit(const Tune *t, TunePattern *p, Rng *r) {
    hats(t, p, 2, 0);
    p->kick[0] = 1;
    p->kick[8] = 0.9f;
    p->snare[4] = p->snare[12] = 1;
    if (chance(r, 0.5)) p->kick[6] = 0.6f;
    if (chance(r, 0.5)) p->kick[14] = 0.6f;
}
static void funk_kit(const Tune *t, TunePattern *p, Rng *r) {
    hats(t, p, 1, 0);
    p->kick[0] = 1;
    p->snare[4] = p->snare[12] = 1;
    for (int32_t i = 3; i < t->steps; i++)
        if (i % 4 && chance(r, 0.22)) p->kick[i] = 0.8f;
    for (int32_t i = 1; i < t->steps; i += 2)
        if (chance(r, 0.2)) p->snare[i] = 0.22f;
}
static void disco_kit(const Tune *t, TunePattern *p) {
    for (int32_t i = 0; i < t->steps; i += 4) p->kick[i] = 1;
    p->snare[4] = p->snare[12] = 0.9f;
    hats(t, p, 4, 2);
    for (int32_t i = 0; i < t->steps; i += 4) p->hat[i] = 0.4f;
    p->open_hat = 1;
}
static void jazz_kit(const Tune *t, TunePattern *p, Rng *r) {
    p->hat_drum = DRUM_RIDE;
    for (int32_t i = 0; i < t->steps; i += 4) p->hat[i] = 0.9f;
    p->hat[6] = p->hat[14] = 0.7f;
    p->snare_drum = DRUM_BRUSH;
    p->snare[4] = p->snare[12] = 0.5f;
    for (int32_t i = 2; i < t->steps; i += 4)
        if (chance(r, 0.2)) p->snare[i] = 0.5f;
    if (chance(r, 0.5)) p->kick[0] = 0.4f;
}
static void waltz_kit(const Tune *t, TunePattern *p, Rng *r, bool chorus) {
    p->kick[0] = 1;
    p->snare_drum = chorus ? DRUM_SNARE : DRUM_BRUSH;
    p->snare[4] = p->snare[8] = 0.6f;
    if (chance(r, 0.6)) hats(t, p, t->tempo_bpm > 130 ? 4 : 2, 0);
    if (chance(r, 0.3)) p->kick[6] = 0.5f;
}
static void six_kit(const Tune *t, TunePattern *p, Rng *r) {
    p->kick[0] = 1;
    p->snare[6] = 0.9f;
    hats(t, p, 2, 0);
    for (int32_t i = 0; i < t->steps; i += 2)
        if (i % 6) p->hat[i] = 0.55f;
    if (chance(r, 0.5)) p->kick[4] = 0.6f;
    if (chance(r, 0.3)) p->kick[10] = 0.6f;
}
static void soft_kit(const Tune *t, TunePattern *p, Rng *r, bool chorus) {
    p->snare_drum = chorus ? DRUM_SNARE : DRUM_RIM;
    p->hat_drum = chorus ? DRUM_HAT : DRUM_SHAKER;
    p->kick[0] = 0.9f;
    if (chance(r, 0.6)) p->kick[t->meter == 4 ? 10 : 6] = 0.6f;
    if (t->meter == 4)
        p->snare[chance(r, 0.5) ? 8 : 4] = 0.8f, p->snare[12] = 0.8f;
    else
        p->snare[t->steps / 2] = 0.7f;
    hats(t, p, 2, 0);
}

static void write_kit(const Style *s, const Tune *t, TunePattern *p, Rng *r, int32_t label) {
    bool chorus = label == LABEL_CHORUS;
    p->snare_drum = DRUM_SNARE;
    p->hat_drum = DRUM_HAT;
    p->open_hat = chorus && s->feel != FEEL_JAZZ;
    switch (s->feel) {
    case FEEL_ROCK:
        rock_kit(t, p, r, chorus);
        break;
    case FEEL_HALF_TIME:
        half_time_kit(t, p, r, chorus);
        break;
    case FEEL_PUNK:
        punk_kit(t, p, r);
        break;
    case FEEL_SHUFFLE:
        shuffle_kit(t, p, r);
        break;
    case FEEL_FUNK:
        funk_kit(t, p, r);
        break;
    case FEEL_DISCO:
        disco_kit(t, p);
        break;
    case FEEL_JAZZ:
        jazz_kit(t, p, r);
        break;
    case FEEL_WALTZ:
        waltz_kit(t, p, r, chorus);
        break;
    case FEEL_SIX:
        six_kit(t, p, r);
        break;
    case FEEL_BALLAD:
    case FEEL_FOLK:
    case FEEL_AMBIENT:
        soft_kit(t, p, r, chorus && s->feel == FEEL_BALLAD);
        break;
    }
    if (label == LABEL_INTRO && chance(r, 0.5)) memset(p->snare, 0, sizeof p->snare);
    if (label == LABEL_BRIDGE && chance(r, 0.4)) p->hat_drum = DRUM_RIDE;
}

/* ---- the others */
static void write_bass(const Style *s, const Tune *t, TunePattern *p, Rng *r, bool chorus) {
    int32_t every = s->feel == FEEL_PUNK || (s->feel == FEEL_ROCK && chance(r, 0.4)) ? 2 : 4;
    for (int32_t i = 0; i < t->steps; i++) {
        bool on_beat = i % t->steps_a_beat == 0, half = i % 2 == 0;
        float play = 0;
        switch (s->feel) {
        case FEEL_PUNK:
        case FEEL_JAZZ:
        case FEEL_DISCO:
            play = i % (s->feel == FEEL_JAZZ ? 4 : 2) == 0;
            break;
        case FEEL_WALTZ:
            play = i == 0 || (i == 8 && chance(r, 0.3));
            break;
        case FEEL_SIX:
            play = i == 0 || i == 6 || (half && chance(r, 0.2));
            break;
        case FEEL_FUNK:
            play = i == 0 || (i % 2 ? chance(r, 0.25) : chance(r, 0.4));
            break;
        case FEEL_BALLAD:
        case FEEL_FOLK:
        case FEEL_AMBIENT:
        case FEEL_HALF_TIME:
            play = i == 0 || (i % 4 == 2 && chance(r, 0.25)) || (i == 8 && chance(r, 0.5));
            break;
        case FEEL_ROCK:
        case FEEL_SHUFFLE:
            play = i % every == 0 || (i % 4 == 2 && chance(r, chorus ? 0.4 : 0.2));
            break;
        }
        if (play > 0) p->bass[i] = on_beat ? 1 : 0.85f;
        p->bass_step[i] = (int8_t)(s->feel == FEEL_DISCO && i % 4 == 2 ? 2
                                   : i > 4 && chance(r, 0.2)           ? 1 + (int)chance(r, 0.4)
                                                                       : 0);
    }
}

static void write_guitar(const Style *s, const Tune *t, TunePattern *p, Rng *r, bool chorus) {
    for (int32_t i = 0; i < t->steps; i++) {
        double play;
        switch (t->guitar_role) {
        case GUITAR_PICK:
            play = i % 2 == 0 ? (i == 0 ? 1 : 0.85) : 0;
            break;
        case GUITAR_POWER:
            play = i % 2 == 0 ? (chorus || i % 4 == 0 ? 1 : 0.8) : 0;
            break;
        default: /* off the beat in shuffle, jazz and disco; as it falls elsewhere */
            if (s->feel == FEEL_WALTZ)
                play = i == 4 || i == 8 ? 1 : 0;
            else if (s->feel == FEEL_FUNK)
                play = i % 2 ? 0.3 : 0.45;
            else if (s->feel == FEEL_JAZZ)
                play = i % 4 == 0 ? 0.9 : 0;
            else
                play = i % 4 == 0 ? 0.6 : i % 2 == 0 ? 0.55 : 0.05;
        }
        if (chance(r, play)) p->guitar[i] = i % 4 == 0 ? 0.9f : 0.7f;
    }
}

static void write_keys(const Style *s, const Tune *t, TunePattern *p, Rng *r, bool chorus) {
    int32_t every = chorus ? 4 << rng_below(r, 2) : 8;
    if (t->keys_role == KEYS_ARPEGGIO) every = 2;
    if (t->keys_role == KEYS_PAD || t->steps % every) every = t->steps;
    for (int32_t i = 0; i < t->steps; i++) {
        bool play = i % every == 0;
        if (t->keys_role == KEYS_CHORDS && (s->feel == FEEL_FUNK || s->feel == FEEL_JAZZ))
            play = chance(r, i % 4 == 2 ? 0.4 : i % 2 ? 0.12 : 0.25);
        if (play) p->keys[i] = i % 4 == 0 ? 0.95f : 0.8f;
    }
}

void style_pattern(const Style *s, const Tune *t, TunePattern *p, Rng *r, int32_t label,
                   const bool band[PARTS]) {
    static const float energies[TUNE_LABELS] = {0.68f, 0.8f, 1, 0.76f, 0.66f, 1};
    bool chorus = label == LABEL_CHORUS, edge = label == LABEL_INTRO || label == LABEL_OUTRO;
    memset(p, 0, sizeof *p);
    p->energy = energies[label];
    memcpy(p->plays, band, sizeof p->plays);
    p->plays[PART_VOICE] = band[PART_VOICE] && (label == LABEL_VERSE || chorus);
    p->plays[PART_LEAD] =
        band[PART_LEAD] && (label == LABEL_BRIDGE || edge || !band[PART_VOICE] || (chorus && chance(r, 0.3)));
    if (edge || label == LABEL_BRIDGE || label == LABEL_VERSE) { /* some sit out */
        double sit = edge ? 0.3 : label == LABEL_BRIDGE ? 0.25 : 0.12;
        for (int part = 0; part < PART_LEAD; part++)
            if (chance(r, part == PART_DRUMS ? 0.6 * sit : sit)) p->plays[part] = false;
    }
    if (t->held) p->plays[PART_KEYS] = true;
    if (!p->plays[PART_GUITAR] && !p->plays[PART_KEYS]) /* somebody plays chords */
        p->plays[band[PART_GUITAR] ? PART_GUITAR : PART_KEYS] = true;
    write_kit(s, t, p, r, label);
    write_bass(s, t, p, r, chorus);
    write_guitar(s, t, p, r, chorus);
    write_keys(s, t, p, r, chorus);
}

/* ---- instruments */
static void choose_keys(const Style *s, Tune *t, Rng *r) {
    t->keys_role = s->keys;
    if (chance(r, s->keys == KEYS_PAD ? 0.3 : 0.15)) t->keys_role = KEYS_ARPEGGIO;
    if (t->held) t->keys_role = KEYS_PAD; /* who else holds a chord? */
    t->organ = t->keys_role == KEYS_CHORDS && chance(r, 0.35);
    t->pad =
        (Voice){.saw = 0.5f, .partials = {0.5f, 0.2f}, .attack_s = 0.28f, .decay_s = 3, .sustain = 0.85f};
    t->pad.cutoff_hz = (float)rng_between(r, 700, 1800);
    t->pad.release_s = 0.35f;
    t->pad.gain = t->held ? 0.22f : 0.12f;
    if (t->organ) {
        t->pad = (Voice){.partials = {0.5f, 0.35f, 0.15f, 0.2f}, .attack_s = 0.015f, .decay_s = 2};
        t->pad.cutoff_hz = 4000;
        t->pad.sustain = 0.8f;
        t->pad.release_s = 0.06f;
        t->pad.gain = 0.13f;
    }
    bool piano = chance(r, 0.5);
    t->chime = (Chime){.ratio = piano ? 1.003f : 14.0f, .release_s = 0.08f, .gain = piano ? 0.28f : 0.3f};
    t->chime.index = (float)rng_between(r, piano ? 1.6 : 0.25, piano ? 2.6 : 0.6);
    t->chime.index_decay_s = piano ? 0.5f : 0.25f;
    t->chime.decay_s = (float)rng_between(r, 0.9, 1.8);
}

void style_voices(const Style *s, Tune *t, Rng *r) {
    choose_keys(s, t, r);
    t->guitar_role = s->guitar == GUITAR_STRUM && chance(r, 0.2) ? GUITAR_PICK : s->guitar;
    t->guitar = (String){.damp_s = 0.05f, .gain = 0.42f};
    t->guitar.decay_s = (float)rng_between(r, 0.9, 2.2);
    t->guitar.bright = (float)rng_between(r, 0.35, 0.9);
    t->drive = s->drive * (float)rng_between(r, 0.5, 1.5);
    t->plucked_bass = chance(r, 0.4);
    t->bass = (Voice){.partials = {0.8f, 0.25f}, .attack_s = 0.006f, .decay_s = 0.5f, .sustain = 0.6f};
    t->bass.release_s = 0.03f;
    t->bass.gain = 0.42f;
    t->bass.saw = (float)rng_between(r, 0.2, 0.6);
    t->bass.cutoff_hz = (float)rng_between(r, 400, 900);
    bool soft = s->feel == FEEL_AMBIENT;
    t->lead = (Voice){.partials = {0.6f, 0.2f, 0.2f}, .attack_s = soft ? 0.12f : 0.012f, .decay_s = 0.8f};
    t->lead.sustain = 0.7f;
    t->lead.release_s = soft ? 0.3f : 0.06f;
    t->lead.gain = 0.5f;
    t->lead.saw = (float)rng_between(r, 0.1, 0.8);
    t->lead.cutoff_hz = (float)rng_between(r, 1800, 3500);
    t->lead.vibrato_cents = (float)rng_between(r, 4, 18);
    t->lead.vibrato_hz = (float)rng_between(r, 4.5, 6.2);
    t->singer.size = (float)rng_between(r, 0.88, 1.18);
    t->singer.vibrato_cents = (float)rng_between(r, 8, 35);
    t->singer.vibrato_hz = (float)rng_between(r, 4.6, 6.4);
    t->singer.breath = (float)rng_between(r, 0.03, 0.15);
    t->singer.gain = 1;
    t->kit_tone = (float)rng_f64(r);
    for (int part = 0; part < PARTS; part++) t->levels[part] = (float)rng_between(r, 0.75, 1.25);
}
