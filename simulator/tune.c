/* Composition by weighted choice: a form from a short list, four-bar progressions in the key, patterns on a
 * grid of sixteenths, a melody that walks the scale and meets the chord on strong beats. */
#include "simulator/tune.h"

#include <stdio.h>
#include <string.h>

#include "simulator/exact.h"

static const char *const label_names[TUNE_LABELS] = {"intro", "verse", "chorus", "bridge", "outro"};
static const char *const forms[] = {"IVCVCO", "IVCVC",   "VCVCBC", "VCVC",   "IVVCVCO", "VCVBCO",
                                    "VVCVVC", "IVCBVCO", "VCBC",   "VCVCVC", "IVCVBC"};
static const int8_t scales[2][7] = {{0, 2, 4, 5, 7, 9, 11}, {0, 2, 3, 5, 7, 8, 10}};
static const int8_t progressions[2][8][TUNE_BARS] = {
    {{0, 4, 5, 3},
     {0, 3, 4, 3},
     {0, 5, 3, 4},
     {5, 3, 0, 4},
     {0, 2, 3, 4},
     {3, 0, 4, 5},
     {1, 4, 0, 5},
     {0, 3, 0, 4}},
    {{0, 5, 2, 6},
     {0, 3, 4, 0},
     {0, 6, 5, 6},
     {5, 6, 0, 0},
     {0, 2, 5, 4},
     {3, 0, 6, 2},
     {0, 3, 6, 2},
     {0, 5, 3, 4}},
};
static const char *const note_names[12] = {"C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"};

static int32_t label_of(char c) { return c == 'I' ? 0 : c == 'V' ? 1 : c == 'C' ? 2 : c == 'B' ? 3 : 4; }

/* Bars of a section when a verse has `unit` bars. */
static int32_t section_bars(int32_t label, int32_t unit) {
    if (label == LABEL_VERSE || label == LABEL_CHORUS) return unit;
    return unit / 2 > 2 ? unit / 2 : 2;
}

static int32_t form_bars(const char *form, int32_t unit) {
    int32_t bars = 0;
    for (const char *c = form; *c; c++) bars += section_bars(label_of(*c), unit);
    return bars;
}

/* A form and unit at random of ten bars or more within a quarter of the length asked for, else the nearest.
 */
static void choose_form(Tune *t, Rng *r, double form_s) {
    enum { N_FORMS = sizeof forms / sizeof *forms, N_UNITS = 4, MIN_BARS = 10 };
    static const int32_t units[N_UNITS] = {2, 4, 8, 16};
    double bar_s = 60.0 * t->meter / t->tempo_bpm, nearest = 1e9;
    int32_t fit[N_FORMS * N_UNITS], n_fit = 0, chosen = 0;
    for (int32_t i = 0; i < N_FORMS * N_UNITS; i++) {
        int32_t bars = form_bars(forms[i / N_UNITS], units[i % N_UNITS]);
        if (bars > TUNE_MAX_SLOTS) continue;
        double off = bars * bar_s / form_s - 1;
        if (off < 0) off = -off;
        if (off < 0.25 && bars >= MIN_BARS) fit[n_fit++] = i;
        if (off < nearest) {
            nearest = off;
            chosen = i;
        }
    }
    if (n_fit) chosen = fit[rng_below(r, (uint32_t)n_fit)];
    int32_t seen[TUNE_LABELS] = {0};
    for (const char *c = forms[chosen / N_UNITS]; *c; c++) {
        TruthSection *s = &t->sections[t->n_sections];
        s->label = label_of(*c);
        s->first_slot = t->n_slots;
        s->n_slots = section_bars(s->label, units[chosen % N_UNITS]);
        snprintf(s->name, sizeof s->name, "%s %d", label_names[s->label], ++seen[s->label]);
        for (int32_t i = 0; i < s->n_slots; i++) t->slot_section[t->n_slots++] = t->n_sections;
        t->n_sections++;
    }
}

static int8_t scale_pitch(const Tune *t, int32_t degree) {
    int32_t octave = degree >= 0 ? degree / 7 : -((6 - degree) / 7);
    return (int8_t)(t->tonic + scales[t->minor][degree - 7 * octave] + 12 * octave);
}

static void write_chord(const Tune *t, TuneBar *bar, int32_t degree) {
    bar->root = (int8_t)(52 + (scale_pitch(t, degree) + 8) % 12);
    bar->third = (int8_t)(52 + (scale_pitch(t, degree + 2) + 8) % 12);
    bar->fifth = (int8_t)(52 + (scale_pitch(t, degree + 4) + 8) % 12);
    bar->bass = (int8_t)(31 + (scale_pitch(t, degree) + 5) % 12);
}

/* Degrees around `centre`; strong beats go to the nearest tone of the chord on `degree`. */
static void write_melody(const Tune *t, TuneBar *bar, Rng *r, int32_t degree, int32_t centre, int32_t *walk,
                         double density) {
    bar->n_notes = 0;
    int32_t halves = 2 * t->meter;
    for (int32_t h = 0; h < halves && bar->n_notes < TUNE_NOTES; h++) {
        bool strong = h % 4 == 0;
        if (rng_f64(r) > (strong ? 0.85 : h % 2 ? density * 0.7 : density)) continue;
        *walk += (int32_t)rng_below(r, 5) - 2;
        if (*walk < centre - 5 || *walk > centre + 5) *walk = centre;
        if (strong)
            while (((*walk - degree) % 7 + 7) % 7 % 2 || ((*walk - degree) % 7 + 7) % 7 > 4) (*walk)++;
        int32_t beats2 = 1 + (int32_t)rng_below(r, 3);
        if (bar->n_notes) {
            TuneNote *before = &bar->notes[bar->n_notes - 1];
            float room = 0.5f * (float)h - before->beat;
            if (before->beats > room) before->beats = room;
        }
        if (h + beats2 > halves) beats2 = halves - h;
        bar->notes[bar->n_notes++] = (TuneNote){.beat = 0.5f * (float)h,
                                                .beats = 0.5f * (float)beats2,
                                                .pitch = (int8_t)(60 + scale_pitch(t, *walk)),
                                                .velocity = (float)rng_between(r, 0.7, 1)};
    }
}

static void write_pattern(const Tune *t, TunePattern *p, Rng *r, int32_t label) {
    int32_t steps = 4 * t->meter, chorus = label == LABEL_CHORUS;
    memset(p, 0, sizeof *p);
    p->energy = chorus ? 1.0f : label == LABEL_VERSE ? 0.8f : label == LABEL_BRIDGE ? 0.75f : 0.65f;
    p->lead = label == LABEL_VERSE || chorus || label == LABEL_BRIDGE;
    p->open_hat = chorus;
    int32_t hat_every = t->tempo_bpm < 95 && chorus ? 1 : t->tempo_bpm > 150 ? 4 : 2;
    for (int32_t i = 0; i < steps; i++) {
        int32_t beat = i / 4;
        bool on_beat = i % 4 == 0;
        if (i == 0) p->kick[i] = 1;
        if (t->meter == 4 && i == 8) p->kick[i] = 0.9f;
        if (!on_beat && i % 2 == 0 && rng_f64(r) < 0.22) p->kick[i] = 0.75f;
        if (t->meter == 4 ? on_beat && beat % 2 == 1 : on_beat && beat > 0)
            p->snare[i] = t->meter == 4 ? 1 : 0.6f;
        if (i % hat_every == 0) p->hat[i] = on_beat ? 0.9f : i % 2 ? 0.45f : 0.65f;
        if (on_beat && (i == 0 || rng_f64(r) < 0.75)) p->bass[i] = 1;
        if (i % 4 == 2 && rng_f64(r) < (chorus ? 0.55 : 0.3)) p->bass[i] = 0.85f;
    }
    if (label == LABEL_INTRO) memset(p->snare, 0, sizeof p->snare);
    p->bass_octave_step = rng_f64(r) < 0.4 ? 4 * (t->meter - 1) + 2 : -1;
    p->chord_beats = chorus ? 1 + (int32_t)rng_below(r, 2) : label == LABEL_VERSE ? 2 : t->meter;
    if (p->chord_beats > t->meter || t->meter % p->chord_beats) p->chord_beats = t->meter;
}

static const Voice bass_voice = {.partials = {0.8f, 0.25f},
                                 .attack_s = 0.006f,
                                 .decay_s = 0.5f,
                                 .sustain = 0.6f,
                                 .release_s = 0.03f,
                                 .gain = 0.42f};
static const Voice organ_voice = {.partials = {0.5f, 0.35f, 0.15f, 0.2f},
                                  .cutoff_hz = 4000,
                                  .attack_s = 0.015f,
                                  .decay_s = 2,
                                  .sustain = 0.8f,
                                  .release_s = 0.06f,
                                  .gain = 0.13f,
                                  .pan = -0.3f};
static const Voice guitar_voice = {.saw = 0.7f,
                                   .partials = {0.3f},
                                   .attack_s = 0.004f,
                                   .decay_s = 0.6f,
                                   .sustain = 0.35f,
                                   .release_s = 0.09f,
                                   .gain = 0.17f,
                                   .pan = -0.3f};
static const Voice lead_voice = {.partials = {0.6f, 0.2f, 0.2f},
                                 .attack_s = 0.012f,
                                 .decay_s = 0.8f,
                                 .sustain = 0.7f,
                                 .release_s = 0.06f,
                                 .gain = 0.24f,
                                 .pan = 0.25f};

static void choose_voices(Tune *t, Rng *r) {
    t->bass = bass_voice;
    t->bass.saw = (float)rng_between(r, 0.2, 0.6);
    t->bass.cutoff_hz = (float)rng_between(r, 400, 900);
    t->chords = rng_f64(r) < 0.4 ? organ_voice : guitar_voice;
    if (t->chords.cutoff_hz == 0) t->chords.cutoff_hz = (float)rng_between(r, 1200, 2600);
    t->lead = lead_voice;
    t->lead.saw = (float)rng_between(r, 0.1, 0.8);
    t->lead.cutoff_hz = (float)rng_between(r, 1800, 3500);
    t->lead.vibrato_cents = (float)rng_between(r, 4, 18);
    t->lead.vibrato_hz = (float)rng_between(r, 4.5, 6.2);
    t->kit_tone = (float)rng_f64(r);
}

void tune_compose(Tune *t, uint64_t seed, double form_s) {
    Rng r = rng_at(seed, 0x74756e65);
    memset(t, 0, sizeof *t);
    t->tonic = (int32_t)rng_below(&r, 12);
    t->minor = rng_f64(&r) < 0.45;
    t->meter = rng_f64(&r) < 0.18 ? 3 : 4;
    t->tempo_bpm = (float)(70 * exact_exp2(rng_f64(&r) * 1.2801));
    choose_form(t, &r, form_s);
    choose_voices(t, &r);
    int32_t used = -1;
    for (int32_t label = 0; label < TUNE_LABELS; label++) {
        int32_t which = (int32_t)rng_below(&r, 8);
        if (which == used) which = (which + 1) % 8;
        used = which;
        int32_t centre = label == LABEL_CHORUS ? 9 : label == LABEL_BRIDGE ? 7 : 4, walk = centre;
        double density = label == LABEL_CHORUS ? 0.75 : 0.55;
        for (int32_t b = 0; b < TUNE_BARS; b++) {
            int32_t degree = progressions[t->minor][which][b];
            write_chord(t, &t->bars[label][b], degree);
            write_melody(t, &t->bars[label][b], &r, degree, centre, &walk, density);
        }
        write_pattern(t, &t->patterns[label], &r, label);
    }
}

const TuneBar *tune_bar(const Tune *t, int32_t slot, int32_t *label) {
    const TruthSection *s = &t->sections[t->slot_section[slot]];
    *label = s->label;
    return &t->bars[s->label][(slot - s->first_slot) % TUNE_BARS];
}

void tune_key_name(const Tune *t, char out[TRUTH_NAME]) {
    snprintf(out, TRUTH_NAME, "%s %s", note_names[t->tonic], t->minor ? "minor" : "major");
}
