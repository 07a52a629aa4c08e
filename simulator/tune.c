/* Composition by weighted choice: a style, a form from a short list, four-bar progressions in the key,
 * patterns on a grid of sixteenths, melodies that walk the scale and meet the chord on strong beats. */
#include "simulator/tune.h"

#include <stdio.h>
#include <string.h>

#include "simulator/exact.h"
#include "simulator/style.h"

const char *const part_names[PARTS] = {"drums", "bass", "guitar", "keys", "lead", "voice"};
static const char *const label_names[TUNE_LABELS] = {"intro",  "verse", "chorus",
                                                     "bridge", "outro", "last chorus"};
static const char *const brief_forms[] = {"V", "C", "B", "VC", "IV", "IVC", "VCO", "VB", "VCV"};
static const char *const forms[] = {"IVCVCO",  "IVCVC", "VCVCBC", "VCVC",   "IVVCVCO", "VCVBCO",   "VVCVVC",
                                    "IVCBVCO", "VCBC",  "VCVCVC", "IVCVBC", "VVBV",    "IVVBVBVO", "CVCVCC"};
static const int8_t scales[2][7] = {{0, 2, 4, 5, 7, 9, 11}, {0, 2, 3, 5, 7, 8, 10}};
enum { PROGRESSIONS = 10 };
static const int8_t progressions[2][PROGRESSIONS][TUNE_BARS] = {
    {{0, 4, 5, 3},
     {0, 3, 4, 3},
     {0, 5, 3, 4},
     {5, 3, 0, 4},
     {0, 2, 3, 4},
     {3, 0, 4, 5},
     {1, 4, 0, 5},
     {0, 3, 0, 4},
     {3, 4, 0, 0},
     {5, 1, 4, 0}},
    {{0, 5, 2, 6},
     {0, 3, 4, 0},
     {0, 6, 5, 6},
     {5, 6, 0, 0},
     {0, 2, 5, 4},
     {3, 0, 6, 2},
     {0, 3, 6, 2},
     {0, 5, 3, 4},
     {0, 0, 5, 6},
     {3, 6, 2, 5}},
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

static void add_section(Tune *t, int32_t label, int32_t unit, int32_t number) {
    TruthSection *s = &t->sections[t->n_sections];
    s->n_slots = section_bars(label == LABEL_LIFT ? LABEL_CHORUS : label, unit);
    s->label = label;
    s->first_slot = t->n_slots;
    if (label == LABEL_LIFT)
        snprintf(s->name, sizeof s->name, "%s", label_names[label]);
    else
        snprintf(s->name, sizeof s->name, "%s %d", label_names[label], number);
    for (int32_t i = 0; i < s->n_slots; i++) t->slot_section[t->n_slots++] = t->n_sections;
    t->n_sections++;
}

/* A form and unit at random of eight bars or more within a quarter of the length asked for, else the
 * nearest. */
static void choose_form(Tune *t, Rng *r, double form_s, bool brief) {
    enum { N_UNITS = 5, MIN_BARS = 8 };
    const char *const *from = brief ? brief_forms : forms;
    const int32_t n_forms = brief ? sizeof brief_forms / sizeof *forms : sizeof forms / sizeof *forms;
    static const int32_t units[N_UNITS] = {2, 4, 6, 8, 16};
    double bar_s = tune_bar_s(t), nearest = 1e9;
    int32_t fit[N_UNITS * sizeof forms / sizeof *forms], n_fit = 0, chosen = 0;
    for (int32_t i = 0; i < n_forms * N_UNITS; i++) {
        int32_t bars = form_bars(from[i / N_UNITS], units[i % N_UNITS]);
        if (bars > TUNE_MAX_SLOTS) continue;
        double off = bars * bar_s / form_s - 1;
        if (off < 0) off = -off;
        if (off < 0.25 && bars >= (brief ? MIN_BARS / 2 : MIN_BARS)) fit[n_fit++] = i;
        if (off < nearest) {
            nearest = off;
            chosen = i;
        }
    }
    if (n_fit) chosen = fit[rng_below(r, (uint32_t)n_fit)];
    const char *form = from[chosen / N_UNITS];
    int32_t seen[TUNE_LABELS] = {0}, unit = units[chosen % N_UNITS], last_chorus = -1;
    for (int32_t i = 0; form[i]; i++)
        if (form[i] == 'C') last_chorus = i;
    if (rng_f64(r) > 0.2) last_chorus = -1; /* seldom does it move up a key */
    for (int32_t i = 0; form[i]; i++) {
        int32_t label = label_of(form[i]);
        if (label == LABEL_CHORUS && i == last_chorus && seen[label] > 0) label = LABEL_LIFT;
        add_section(t, label, unit, ++seen[label]);
    }
}

static int8_t scale_pitch(const Tune *t, int32_t tonic, int32_t degree) {
    int32_t octave = degree >= 0 ? degree / 7 : -((6 - degree) / 7);
    return (int8_t)(tonic + scales[t->minor][degree - 7 * octave] + 12 * octave);
}

static int8_t folded(int32_t pitch, int32_t lowest) { return (int8_t)(lowest + (pitch + 120 - lowest) % 12); }

static void write_chord(const Tune *t, TuneBar *bar, int32_t tonic, int32_t degree, bool seventh) {
    for (int32_t i = 0; i < 4; i++) {
        int32_t above = i < 3 ? 2 * i : seventh ? 6 : 7;
        bar->chord[i] = folded(scale_pitch(t, tonic, degree + above), 52);
    }
    if (!seventh) bar->chord[3] = (int8_t)(bar->chord[0] + 12);
    bar->bass = folded(scale_pitch(t, tonic, degree), 31);
    bar->fifth = folded(scale_pitch(t, tonic, degree + 4), 31);
}

/* Degrees around `centre`; strong beats go to the nearest tone of the chord on `degree`. */
static void write_melody(const Tune *t, TuneLine *line, Rng *r, int32_t tonic, int32_t degree, int32_t centre,
                         int32_t *walk, double density) {
    line->n_notes = 0;
    int32_t steps = t->steps / 2; /* on a grid of eighths */
    float beats_a_step = 2.0f / (float)t->steps_a_beat;
    for (int32_t h = 0; h < steps && line->n_notes < TUNE_NOTES; h++) {
        bool strong = h % (t->meter == 6 ? 3 : 4) == 0;
        if (rng_f64(r) > (strong ? 0.85 : h % 2 ? density * 0.7 : density)) continue;
        *walk += (int32_t)rng_below(r, 5) - 2;
        if (*walk < centre - 5 || *walk > centre + 5) *walk = centre;
        if (strong)
            while (((*walk - degree) % 7 + 7) % 7 % 2 || ((*walk - degree) % 7 + 7) % 7 > 4) (*walk)++;
        int32_t length = 1 + (int32_t)rng_below(r, 3);
        if (line->n_notes) {
            TuneNote *before = &line->notes[line->n_notes - 1];
            float room = beats_a_step * (float)h - before->beat;
            if (before->beats > room) before->beats = room;
        }
        if (h + length > steps) length = steps - h;
        line->notes[line->n_notes++] = (TuneNote){.beat = beats_a_step * (float)h,
                                                  .beats = beats_a_step * (float)length,
                                                  .pitch = (int8_t)(60 + scale_pitch(t, tonic, *walk)),
                                                  .velocity = (float)rng_between(r, 0.7, 1)};
    }
}

/* The singer's range is an octave lower or higher than where the lead lies. */
static void place_voice(TuneLine *line, int32_t shift) {
    for (int32_t n = 0; n < line->n_notes; n++) {
        int32_t pitch = line->notes[n].pitch + shift;
        while (pitch > 74) pitch -= 12;
        while (pitch < 45) pitch += 12;
        line->notes[n].pitch = (int8_t)pitch;
    }
}

static void raise_bar(TuneBar *bar, int32_t by) {
    for (int i = 0; i < 4; i++) bar->chord[i] = (int8_t)(bar->chord[i] + by);
    bar->bass = (int8_t)(bar->bass + by);
    bar->fifth = (int8_t)(bar->fifth + by);
    for (int i = 0; i < bar->lead.n_notes; i++)
        bar->lead.notes[i].pitch = (int8_t)(bar->lead.notes[i].pitch + by);
    for (int i = 0; i < bar->sung.n_notes; i++)
        bar->sung.notes[i].pitch = (int8_t)(bar->sung.notes[i].pitch + by);
}

static void write_label(Tune *t, Rng *r, const Style *style, int32_t label, int32_t which, double busy,
                        const bool band[PARTS]) {
    int32_t centre = label == LABEL_CHORUS ? 9 : label == LABEL_BRIDGE ? 7 : 4, walk = centre, sung = centre;
    double density = busy * (label == LABEL_CHORUS ? 0.75 : 0.55);
    int32_t tonic = t->tonic;
    if (label == LABEL_BRIDGE && rng_f64(r) < 0.3) /* the bridge leaves the key: a fifth up, or a third */
        tonic += rng_f64(r) < 0.5 ? 7 : t->minor ? 3 : 9;
    int32_t octave = rng_f64(r) < 0.5 ? -12 : 0;
    bool sevenths = style->feel == FEEL_JAZZ || rng_f64(r) < 0.2;
    for (int32_t b = 0; b < TUNE_BARS; b++) {
        int32_t degree = progressions[t->minor][which][b];
        TuneBar *bar = &t->bars[label][b];
        write_chord(t, bar, tonic, degree, sevenths);
        write_melody(t, &bar->lead, r, tonic, degree, centre, &walk, density);
        write_melody(t, &bar->sung, r, tonic, degree, centre, &sung, 0.9 * density);
        place_voice(&bar->sung, octave);
    }
    style_pattern(style, t, &t->patterns[label], r, label, band);
}

void tune_compose(Tune *t, uint64_t seed, double form_s, bool held, bool brief) {
    Rng r = rng_at(seed, 0x74756e65);
    memset(t, 0, sizeof *t);
    const Style *style = style_draw(&r, held);
    t->style = style->name;
    t->held = held ? rng_f64(&r) < 0.5 ? HELD_PHRASES : HELD_SECTIONS : HELD_NOT;
    t->tonic = (int32_t)rng_below(&r, 12);
    t->minor = rng_f64(&r) < 0.45;
    t->meter = style->meter;
    t->steps = t->meter == 4 ? 16 : 12;
    t->steps_a_beat = t->meter == 6 ? 2 : 4;
    t->tempo_bpm = (float)rng_between(&r, (double)style->bpm_lo, (double)style->bpm_hi);
    double swing = rng_between(&r, (double)style->swing_lo, (double)style->swing_hi);
    bool sixteenths = style->feel == FEEL_FUNK;
    t->swing = sixteenths ? 0.5f : (float)swing;
    t->swing_sixteenths = sixteenths ? (float)swing : 0.5f;
    t->drift = style->drift;
    t->scatter = style->scatter;
    bool band[PARTS];
    for (int part = 0; part < PARTS; part++) band[part] = rng_f64(&r) < (double)style->chance[part];
    if (held) band[PART_KEYS] = true;
    if (!band[PART_LEAD] && !band[PART_VOICE]) band[PART_LEAD] = true;
    choose_form(t, &r, form_s, brief);
    style_voices(style, t, &r);
    double busy = rng_between(&r, 0.6, 1.1);
    int32_t used = -1;
    for (int32_t label = 0; label < LABEL_LIFT; label++) {
        int32_t which = (int32_t)rng_below(&r, PROGRESSIONS);
        if (which == used) which = (which + 1) % PROGRESSIONS;
        used = which;
        write_label(t, &r, style, label, which, busy, band);
    }
    t->patterns[LABEL_LIFT] = t->patterns[LABEL_CHORUS];
    memcpy(t->bars[LABEL_LIFT], t->bars[LABEL_CHORUS], sizeof t->bars[0]);
    int32_t by = 1 + (int32_t)rng_below(&r, 2);
    for (int32_t b = 0; b < TUNE_BARS; b++) raise_bar(&t->bars[LABEL_LIFT][b], by);
}

double tune_bar_s(const Tune *t) { return 60.0 * t->meter / (double)t->tempo_bpm; }

const TuneBar *tune_bar(const Tune *t, int32_t slot, int32_t *label) {
    const TruthSection *s = &t->sections[t->slot_section[slot]];
    *label = s->label;
    return &t->bars[s->label][(slot - s->first_slot) % TUNE_BARS];
}

bool tune_first_bar(const Tune *t, int32_t slot) {
    return t->sections[t->slot_section[slot]].first_slot == slot;
}
bool tune_last_bar(const Tune *t, int32_t slot) {
    const TruthSection *s = &t->sections[t->slot_section[slot]];
    return s->first_slot + s->n_slots == slot + 1;
}

bool tune_holds_into(const Tune *t, int32_t slot) {
    int32_t bar = slot - t->sections[t->slot_section[slot]].first_slot;
    return t->held == HELD_PHRASES ? bar % TUNE_BARS == 0 : t->held == HELD_SECTIONS && bar == 0;
}

bool tune_holds_out_of(const Tune *t, int32_t slot) {
    return t->held && (tune_last_bar(t, slot) || tune_holds_into(t, slot + 1));
}

bool tune_held_back(const Tune *t, int32_t slot, int32_t step) {
    return (tune_holds_into(t, slot) && step < t->steps_a_beat) ||
           (tune_holds_out_of(t, slot) && step >= t->steps - (t->meter > 3 ? 2 : 1) * t->steps_a_beat);
}

static bool note_near(const TuneLine *line, int32_t phase) {
    for (int32_t n = 0; n < line->n_notes; n++) {
        float off = line->notes[n].beat - (float)phase;
        if (off > -0.3f && off < 0.3f) return true;
    }
    return false;
}

/* A pad rings on; anything struck here takes it away. The bar's chord changes softly. */
float tune_sustain(const Tune *t, int32_t slot, int32_t phase) {
    if (t->piece) return 0; /* nobody knows what rings there */
    int32_t label, step = phase * t->steps_a_beat;
    const TuneBar *bar = tune_bar(t, slot, &label);
    const TunePattern *p = &t->patterns[label];
    bool pad = p->plays[PART_KEYS] && t->keys_role == KEYS_PAD;
    if (!pad) return 0;
    bool silent = tune_held_back(t, slot, step);
    bool kit = p->plays[PART_DRUMS] && (p->kick[step] > 0 || p->snare[step] > 0 || p->hat[step] > 0);
    bool low = p->plays[PART_BASS] && p->bass[step] > 0,
         strings = p->plays[PART_GUITAR] && p->guitar[step] > 0;
    if (!silent && (kit || low || strings)) return 0;
    if (!silent && p->plays[PART_LEAD] && note_near(&bar->lead, phase)) return 0;
    if (!silent && p->plays[PART_VOICE] && note_near(&bar->sung, phase)) return 0;
    return phase == 0 && !silent ? 0.8f : 1;
}

void tune_key_name(const Tune *t, char out[TRUTH_NAME]) {
    snprintf(out, TRUTH_NAME, "%s %s", note_names[t->tonic], t->minor ? "minor" : "major");
}
