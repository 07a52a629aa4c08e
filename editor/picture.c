/* Picture: lanes share one width; x is time over the length of the recording or of the song. */
#include "editor/picture.h"

#include <math.h>
#include <string.h>

#include "common/report/labels.h"
#include "common/song/song_words.h"

enum { WIDTH = 1000, RAW_TOP = 24, RAW_END = 94, SONG_TOP = 194, SONG_END = 268, HEIGHT = 452, COLOURS = 8 };
enum { ENERGY_TOP = 304, ENERGY_END = 354, TEMPO_TOP = 378, TEMPO_END = 428, TITLE_WIDTH = 130 };
enum { WORDS = 15, FORM = 14, LETTER_WIDTH = 10 }; /* heights: a line in a lane, letters under it */
static const double floor_db = -60;

static const char style[] =
    "<style>.pic text{font:12px system-ui,sans-serif;fill:#222}.pic .small{font-size:11px;fill:#555}"
    ".pic .ground{fill:#fff}.pic .lane{fill:#f1f2f4}.pic .level{fill:#333;fill-opacity:.55}.pic "
    ".flaw{fill:#c0182b}"
    ".pic .halo{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}.pic "
    ".rule{stroke:#999;stroke-width:1;stroke-opacity:.5}.pic .hit{fill:#000;fill-opacity:0;cursor:pointer}"
    ".pic .take{fill-opacity:.3}.pic .part{fill-opacity:.45}.pic .ribbon{fill-opacity:.25}"
    ".pic .edge{stroke:#222;stroke-width:1.2}.pic .phrase{stroke:#222;stroke-opacity:.45;stroke-dasharray:2 "
    "2}"
    ".pic .curve{fill:none;stroke:#0072b2;stroke-width:1.6}.pic .head{stroke:#c0182b;stroke-width:2}"
    ".pic .c0{fill:#0072b2}.pic .c1{fill:#e69f00}.pic .c2{fill:#009e73}.pic .c3{fill:#cc79a7}.pic "
    ".c4{fill:#d55e00}"
    ".pic .c5{fill:#56b4e9}.pic .c6{fill:#8c6bb1}.pic .c7{fill:#a0a020}.pic "
    ".unused{fill:#888;fill-opacity:.22}"
    "@media(prefers-color-scheme:dark){.pic text{fill:#eee}.pic .small{fill:#b0b5bb}.pic "
    ".ground{fill:#15181c}"
    ".pic .lane{fill:#22262b}.pic .level{fill:#e4e6e8}.pic .edge,.pic .phrase{stroke:#eee}.pic "
    ".curve{stroke:#4aa3df}"
    ".pic .halo{stroke:#15181c}.pic .flaw{fill:#ff6b78}.pic .head{stroke:#ff6b78}.pic "
    ".take{fill-opacity:.45}.pic "
    ".ribbon{fill-opacity:.38}}</style>\n";

/* A stretch of the recording and where it lies in a lane. */
typedef struct Stretch {
    int64_t start, end; /* of the recording */
    double x, per_sample;
} Stretch;

static double x_at(const Stretch *s, int64_t sample) {
    return s->x + (double)(sample - s->start) * s->per_sample;
}

static double level_of(const SongUnit *u) {
    const double share = ((double)u->loudness_db - floor_db) / -floor_db;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

/* How loud it is, as an area on the lane's floor, `top` at most: words stand above; what seems wrong, as red
 * on the floor, the redder the likelier. */
static void put_sound(ByteWriter *w, const Song *song, const Stretch *s, double top, double floor_y) {
    bytes_printf(w, "<path class=\"level\" d=\"M%.1f %.1f", s->x, floor_y);
    for (int32_t u = song_unit_at(song, s->start); u < song->n_units && song->units[u].start_sample < s->end;
         u++) {
        const int64_t from = song->units[u].start_sample > s->start ? song->units[u].start_sample : s->start;
        const int64_t to = song_unit_end(song, u) < s->end ? song_unit_end(song, u) : s->end;
        const double y = floor_y - (floor_y - top) * level_of(&song->units[u]);
        bytes_printf(w, "L%.1f %.1fL%.1f %.1f", x_at(s, from), y, x_at(s, to), y);
    }
    bytes_printf(w, "L%.1f %.1fZ\"/>\n", x_at(s, s->end), floor_y);
    for (int32_t u = song_unit_at(song, s->start); u < song->n_units && song->units[u].start_sample < s->end;
         u++) {
        const SongUnit *unit = &song->units[u];
        if (unit->take < 0 || unit->flaw < 0.3f) continue;
        const double from = x_at(s, unit->start_sample > s->start ? unit->start_sample : s->start);
        const double to = x_at(s, song_unit_end(song, u) < s->end ? song_unit_end(song, u) : s->end);
        bytes_printf(
            w, "<rect class=\"flaw\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"6\" opacity=\"%.2f\"/>\n",
            from, floor_y - 6, to - from, (double)unit->flaw);
    }
}

/* Under a lane: the letter of each section, where it begins. */
static void put_form(ByteWriter *w, const Song *song, const Stretch *s, double top) {
    char letter[SONG_LETTER];
    for (int32_t u = song_unit_at(song, s->start), v;
         u < song->n_units && song->units[u].start_sample < s->end; u = v) {
        for (v = u + 1; v < song->n_units && song->units[v].section == song->units[u].section;) v++;
        const int32_t label = song->units[u].section < 0 ? -1 : song_section_label(song, u, v);
        const double from =
            x_at(s, song->units[u].start_sample > s->start ? song->units[u].start_sample : s->start);
        const double to = x_at(s, song_unit_end(song, v - 1) < s->end ? song_unit_end(song, v - 1) : s->end);
        if (label < 0 || to - from < LETTER_WIDTH) continue;
        bytes_printf(w, "<path class=\"rule\" d=\"M%.1f %.0fv%d\"/>\n", from, top, FORM);
        bytes_printf(w, "<text class=\"small form\" x=\"%.1f\" y=\"%.0f\">%s</text>\n", from + 3,
                     top + FORM - 3, song_letter(label, letter));
    }
}

int32_t picture_colour(const Song *song, const Edit *edit, int32_t take) {
    bool used[SONG_MAX_TAKES] = {false};
    int32_t before = 0;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const int32_t t = song->units[song_unit_at(song, edit->segments[i].start_sample)].take;
        if (t >= 0 && !used[t]) before += t < take;
        if (t >= 0) used[t] = true;
    }
    return take >= 0 && used[take] ? before % COLOURS : -1;
}

/* A lane's time: ticks from first_x on down to its foot. */
static void put_times(ByteWriter *w, double seconds, double first_x, double text_y, double top, double foot) {
    const double step = time_step(seconds, 10);
    char text[TIME_TEXT];
    for (double t = 0; t < seconds; t += step) {
        const double x = WIDTH * t / seconds;
        if (x < first_x || x > WIDTH - 30) continue;
        bytes_printf(w, "<path class=\"rule\" d=\"M%.1f %.0fV%.0f\"/>\n", x, top, foot);
        bytes_printf(w, "<text class=\"small\" x=\"%.1f\" y=\"%.0f\">%s</text>\n", x + 3, text_y,
                     time_text_whole(t, text));
    }
}

static void put_raw(ByteWriter *w, const Song *song, const Edit *edit) {
    const Stretch all = {0, song->n_samples, 0, WIDTH / (double)song->n_samples};
    char text[TIME_TEXT];
    bytes_printf(w, "<text x=\"0\" y=\"16\">Recording, %s</text>\n",
                 time_text((double)song->n_samples / song->sample_rate_hz, text));
    bytes_printf(w, "<rect class=\"lane\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", RAW_TOP, WIDTH,
                 RAW_END - RAW_TOP);
    for (int32_t t = 0; t < song->n_takes; t++) {
        const SongTake *take = &song->takes[t];
        if (!song_take_called(song, t)) continue;
        const double from = x_at(&all, song->units[take->first_unit].start_sample);
        const double to = x_at(&all, song_unit_end(song, take->first_unit + take->n_units - 1));
        const int32_t colour = picture_colour(song, edit, t);
        char class[24] = "unused";
        if (colour >= 0) snprintf(class, sizeof class, "take c%d", colour);
        bytes_printf(w, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n", class,
                     from, RAW_TOP, to - from, RAW_END - RAW_TOP);
        if (to - from > 16)
            bytes_printf(w, "<text class=\"small\" x=\"%.1f\" y=\"%d\">%s%d</text>\n", from + 3, RAW_TOP + 12,
                         to - from > 48 ? "take " : "", song_take_called(song, t));
    }
    put_sound(w, song, &all, RAW_TOP + WORDS, RAW_END);
    put_form(w, song, &all, RAW_END);
    put_times(w, (double)song->n_samples / song->sample_rate_hz, TITLE_WIDTH, 16, 8, RAW_TOP);
}

static void put_segment(ByteWriter *w, const Song *song, const Edit *edit, int32_t i, double x,
                        double per_sample) {
    const EditSegment *s = &edit->segments[i];
    const double raw = WIDTH / (double)song->n_samples,
                 width = (double)(s->end_sample - s->start_sample) * per_sample;
    const double a = (double)s->start_sample * raw, b = (double)s->end_sample * raw;
    const int32_t take = song->units[song_unit_at(song, s->start_sample)].take;
    char colour[24] = "lane";
    if (take >= 0) snprintf(colour, sizeof colour, "c%d", picture_colour(song, edit, take));
    bytes_printf(w, "<path class=\"ribbon %s\" d=\"M%.1f %dL%.1f %dL%.1f %dL%.1f %dZ\"/>\n", colour, a,
                 RAW_END + FORM, b, RAW_END + FORM, x + width, SONG_TOP, x, SONG_TOP);
    bytes_printf(w, "<rect class=\"part %s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n", colour, x,
                 SONG_TOP, width, SONG_END - SONG_TOP);
    const Stretch stretch = {s->start_sample, s->end_sample, x, per_sample};
    put_sound(w, song, &stretch, SONG_TOP + 2 * WORDS, SONG_END);
    put_form(w, song, &stretch, SONG_END);
    for (int32_t u = song_unit_at(song, s->start_sample) + 1;
         u < song->n_units && song->units[u].start_sample < s->end_sample; u++)
        if (song->units[u].phrase != song->units[u - 1].phrase)
            bytes_printf(w, "<path class=\"phrase\" d=\"M%.1f %dV%d\"/>\n",
                         x_at(&stretch, song->units[u].start_sample), SONG_TOP, SONG_END);
    bytes_printf(w, "<path class=\"edge\" d=\"M%.1f %dV%d\"/>\n", x, SONG_TOP, SONG_END);
    if (width > 10) bytes_printf(w, "<text x=\"%.1f\" y=\"%d\">%d</text>\n", x + 3, SONG_TOP + 13, i + 1);
    if (width > 48 && take >= 0 && song_take_called(song, take))
        bytes_printf(w, "<text class=\"small\" x=\"%.1f\" y=\"%d\">take %d</text>\n", x + 3, SONG_TOP + 26,
                     song_take_called(song, take));
}

/* ---- curves along the song */

typedef struct Curve {
    const char *name, *unit;
    double top, end;
    double (*value)(const SongUnit *unit); /* NAN: none */
} Curve;

static double energy_of(const SongUnit *u) { return fmax((double)u->loudness_db, floor_db); }
static double tempo_of(const SongUnit *u) { return u->tempo_bpm > 0 ? (double)u->tempo_bpm : NAN; }

static void put_curve(ByteWriter *w, const Song *song, const Edit *edit, double lead, double per_sample,
                      const Curve *c) {
    double low = NAN, high = NAN;
    for (int pass = 0; pass < 2; pass++) {
        double x = lead;
        bool open = false;
        if (pass && high - low < 4) { /* a still line is drawn as one */
            const double middle = (low + high) / 2;
            low = middle - 2, high = middle + 2;
        }
        if (pass) bytes_printf(w, "<path class=\"curve\" d=\"");
        for (int32_t i = 0; i < edit->n_segments; i++) {
            const EditSegment *s = &edit->segments[i];
            const Stretch stretch = {s->start_sample, s->end_sample, x, per_sample};
            for (int32_t u = song_unit_at(song, s->start_sample);
                 u < song->n_units && song->units[u].start_sample < s->end_sample; u++) {
                const double v = c->value(&song->units[u]);
                if (!pass && !isnan(v)) low = fmin(low, v), high = fmax(high, v);
                if (pass && !isnan(v)) {
                    const int64_t at = song->units[u].start_sample > s->start_sample
                                           ? song->units[u].start_sample
                                           : s->start_sample;
                    bytes_printf(w, "%c%.1f %.1f", open ? 'L' : 'M', x_at(&stretch, at),
                                 c->end - (v - low) / (high - low) * (c->end - c->top));
                }
                if (pass) open = !isnan(v);
            }
            x += (double)(s->end_sample - s->start_sample) * per_sample;
        }
        if (pass) bytes_printf(w, "\"/>\n");
        if (!pass && isnan(low)) return;
    }
    bytes_printf(w, "<text class=\"small\" x=\"0\" y=\"%.0f\">%s, %.0f to %.0f %s</text>\n", c->top - 6,
                 c->name, low, high, c->unit);
}

/* Where the sound is, and where a click is heard from; the page's script knows both. */
static void put_playhead(ByteWriter *w, const char *of, double scale, int32_t top, int32_t end) {
    bytes_printf(w,
                 "<line class=\"head\" data-of=\"%s\" data-scale=\"%.9g\" y1=\"%d\" y2=\"%d\" x1=\"-9\" "
                 "x2=\"-9\"/>\n",
                 of, scale, top, end);
    bytes_printf(w,
                 "<rect class=\"hit\" data-of=\"%s\" data-scale=\"%.9g\" y=\"%d\" width=\"%d\" "
                 "height=\"%d\"/>\n",
                 of, scale, top, WIDTH, end - top);
}

Status picture_put(ByteWriter *w, const EditWork *work, const EditedSong *s, int32_t number) {
    const Song *song = work->song;
    const Edit *edit = &s->cut.edit;
    const double per_sample = WIDTH / (double)s->plan.n_samples,
                 lead = (double)s->plan.lead_in_samples * per_sample;
    const Curve curves[] = {{"Energy", "dB", ENERGY_TOP, ENERGY_END, energy_of},
                            {"Tempo", "beats a minute", TEMPO_TOP, TEMPO_END, tempo_of}};
    const double song_s = (double)s->plan.n_samples / song->sample_rate_hz;
    char text[TIME_TEXT];
    bytes_printf(
        w,
        "<svg class=\"pic\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-6 0 %d %d\" role=\"img\" "
        "aria-label=\"The recording above, the song below, and what went where\">\n",
        WIDTH + 12, HEIGHT);
    bytes_put(w, style, sizeof style - 1);
    if (number < 0)
        bytes_printf(w, "<rect class=\"ground\" x=\"-6\" width=\"%d\" height=\"%d\"/>\n", WIDTH + 12, HEIGHT);
    put_raw(w, song, edit);
    double x = lead;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        put_segment(w, song, edit, i, x, per_sample);
        x += (double)(edit->segments[i].end_sample - edit->segments[i].start_sample) * per_sample;
    }
    bytes_printf(w, "<path class=\"edge\" d=\"M%.1f %dV%d\"/>\n", x, SONG_TOP, SONG_END);
    bytes_printf(w, "<text class=\"halo\" x=\"0\" y=\"%d\">Song, %s</text>\n", SONG_TOP - 7,
                 time_text(song_s, text));
    for (size_t k = 0; k < sizeof curves / sizeof *curves; k++)
        put_curve(w, song, edit, lead, per_sample, &curves[k]);
    put_times(w, song_s, 0, HEIGHT - 6, TEMPO_END + 4, HEIGHT - 4);
    if (number >= 0) {
        char of[16];
        snprintf(of, sizeof of, "song%d", number);
        put_playhead(w, "raw", (double)WIDTH * song->sample_rate_hz / (double)song->n_samples, RAW_TOP,
                     RAW_END);
        put_playhead(w, of, per_sample * song->sample_rate_hz, SONG_TOP, TEMPO_END);
    }
    bytes_printf(w, "</svg>\n");
    return w->bad ? fail(BS_TOO_BIG, "the picture is too large") : BS_OK;
}
