/* The sheet as SVG: a head of words, then lines of time under each other, each a stack of lanes.
 *
 * Colours: takes by tune, sections by label, flaws from pale to red. Words shrink to what fits and are left
 * out where nothing does, so a two-hour session is as legible as a song, only with less written on it. */
#include "common/report/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/bytes.h"
#include "common/host/file.h"
#include "common/report/labels.h"
#include "common/report/markup.h"
#include "common/song/song_words.h"

enum {
    WIDTH = 1640,
    LEFT = 96,
    RIGHT = 24,
    INSIDE = WIDTH - LEFT - RIGHT,
    MAX_BYTES = 64 << 20,
    MAX_LINES = 10
};
static const double seconds_a_line = 120;

/* Lanes of a line, from its top. */
enum {
    TIME_Y = 0,
    TIME_H = 14,
    WAVE_Y = 16,
    WAVE_H = 58,
    TAKE_Y = 78,
    TAKE_H = 18,
    SECTION_Y = 99,
    SECTION_H = 16,
    BAR_Y = 118,
    BAR_H = 20,
    KEY_Y = 141,
    KEY_H = 13,
    LOUD_Y = 158,
    LOUD_H = 34,
    STEM_Y = 197,
    STEM_H = 13, /* of one; STEMS of them under each other */
    FLAW_Y = 254,
    FLAW_H = 26,
    LINE_H = 308,
};

static const char *const tune_colors[8] = {"#4477aa", "#ee7733", "#228833", "#aa3377",
                                           "#66bbcc", "#bbaa22", "#885522", "#666666"};
static const char *const section_colors[10] = {"#cfe3f5", "#fde0b8", "#d3edcb", "#ecd2ea", "#fbd0cd",
                                               "#dcd9f2", "#f4eeb0", "#cdeeea", "#e4dccf", "#dddddd"};

static const char *const stem_colors[STEMS] = {"#b5651d", "#3b5b92", "#b03060", "#5a7d4f"};

static const char style[] =
    "<style>text{font-family:'DejaVu Sans',Helvetica,Arial,sans-serif;font-size:11px;fill:#222}"
    ".title{font-size:20px;font-weight:bold}.lane{fill:#777;font-size:10px}.on{fill:#fff}"
    ".small{font-size:9px;fill:#555}.rule{stroke:#ddd;stroke-width:1}.wave{stroke:#5b6b7a;stroke-width:1}"
    ".rest{stroke:#c4c9ce;stroke-width:1}.bar{stroke:#333;stroke-width:1}.beat{stroke:#aaa;stroke-width:1}"
    ".phrase{fill:none;stroke:#555;stroke-width:1.2}.loud{fill:none;stroke:#226688;stroke-width:1.2}"
    ".seam{stroke:#b2182b;stroke-width:2}</style>\n";

typedef struct Line {
    double from_s, to_s, y; /* what it shows, and its top on the page */
} Line;

typedef struct Page {
    ByteWriter w;
    const Song *song;
    const Sheet *sheet;
    float top; /* sample value at the edge of the wave's lane */
    Line line;
} Page;

static void put_text(Page *p, const char *class, double x, double y, const char *text) {
    bytes_printf(&p->w, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
    markup_text(&p->w, text);
    bytes_printf(&p->w, "</text>\n");
}

static double text_width(const char *text) { return 6.4 * (double)strlen(text); }

static double seconds_of(const Song *song, int64_t sample) { return (double)sample / song->sample_rate_hz; }

static double x_of(const Page *p, double seconds) {
    double share = (seconds - p->line.from_s) / (p->line.to_s - p->line.from_s);
    return LEFT + INSIDE * (share < 0 ? 0 : share > 1 ? 1 : share);
}

/* The part of [from, to) in samples that the line shows; false when it shows nothing of it. */
static bool on_line(const Page *p, int64_t from, int64_t to, double *x0, double *x1) {
    double a = seconds_of(p->song, from), b = seconds_of(p->song, to);
    if (b <= p->line.from_s || a >= p->line.to_s) return false;
    *x0 = x_of(p, a);
    *x1 = x_of(p, b);
    return true;
}

static void put_box(Page *p, double x0, double x1, double y, double height, const char *color,
                    double opacity) {
    bytes_printf(
        &p->w,
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" fill-opacity=\"%.2f\"/>\n",
        x0, y, x1 - x0 > 0.3 ? x1 - x0 : 0.3, height, color, opacity);
}

static void put_line(Page *p, const char *class, double x0, double y0, double x1, double y1) {
    bytes_printf(&p->w, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x0,
                 y0, x1, y1);
}

/* The longest of the words that fits. */
static void put_fitting(Page *p, const char *class, double x0, double x1, double y, const char *const *words,
                        int n) {
    for (int i = 0; i < n; i++)
        if (text_width(words[i]) <= x1 - x0 - 6) {
            put_text(p, class, x0 + 4, y, words[i]);
            return;
        }
}

/* ---- lanes ------------------------------------------------------------------------------------- */

static void draw_time(Page *p) {
    const double step = time_step(p->line.to_s - p->line.from_s, 16);
    char text[TIME_TEXT];
    for (double t = ceil(p->line.from_s / step - 1e-9) * step; t < p->line.to_s - step / 4; t += step) {
        double x = x_of(p, t);
        put_line(p, "rule", x, p->line.y + TIME_H, x, p->line.y + FLAW_Y + FLAW_H);
        put_text(p, "lane", x + 2, p->line.y + TIME_Y + 10, time_text_whole(t, text));
    }
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* What reaches the edge of the lane: a few blows may go beyond it, or one of them would flatten all the rest.
 */
static Status find_top(const Sheet *s, float *top) {
    float *peaks = malloc(sizeof *peaks * (size_t)(s->n_peaks + 1));
    if (!peaks) return fail(BS_NOMEM, "sheet: out of memory");
    for (int32_t i = 0; i < s->n_peaks; i++) peaks[i] = s->high[i] > -s->low[i] ? s->high[i] : -s->low[i];
    qsort(peaks, (size_t)s->n_peaks, sizeof *peaks, by_value);
    *top = s->n_peaks ? peaks[(int32_t)(0.99 * (s->n_peaks - 1))] : 0;
    if (*top < 1e-6F) *top = 1e-6F;
    free(peaks);
    return BS_OK;
}

static double within(float v) { return v > 1 ? 1 : v < -1 ? -1 : (double)v; }

static void draw_wave(Page *p) {
    const Sheet *s = p->sheet;
    double middle = p->line.y + WAVE_Y + WAVE_H / 2.0, whole_s = seconds_of(p->song, p->song->n_samples);
    for (int kind = 0; kind < 2; kind++) { /* music, then the rest: one path each */
        bool any = false;
        for (int32_t i = 0; i < s->n_peaks; i++) {
            double t = (i + 0.5) * whole_s / s->n_peaks;
            if (t < p->line.from_s || t >= p->line.to_s) continue;
            int32_t u = song_unit_at(p->song, (int64_t)(t * p->song->sample_rate_hz));
            if ((p->song->units[u].take < 0) != (kind == 1)) continue;
            if (!any) bytes_printf(&p->w, "<path class=\"%s\" d=\"", kind ? "rest" : "wave");
            any = true;
            bytes_printf(&p->w, "M%.1f %.1fV%.1f", x_of(p, t),
                         middle - within(s->high[i] / p->top) * WAVE_H / 2 - 0.2,
                         middle - within(s->low[i] / p->top) * WAVE_H / 2 + 0.2);
        }
        if (any) bytes_printf(&p->w, "\"/>\n");
    }
}

static void draw_takes(Page *p) {
    const Song *s = p->song;
    for (int32_t t = 0; t < s->n_takes; t++) {
        const SongTake *take = &s->takes[t];
        int32_t last = take->first_unit + take->n_units - 1;
        int64_t from = s->units[take->first_unit].start_sample, to = song_unit_end(s, last);
        double x0, x1, y = p->line.y + TAKE_Y;
        char number[16], name[48], ending[SONG_ENDING], less[128], more[128], most[192];
        if (!on_line(p, from, to, &x0, &x1)) continue;
        put_box(p, x0, x1, y, TAKE_H, tune_colors[take->tune % 8], 1);
        song_ending_text(s, t, ending);
        snprintf(number, sizeof number, "%d", t + 1);
        if (s->n_tunes > 1)
            snprintf(name, sizeof name, "take %d, tune %d", t + 1, take->tune + 1);
        else
            snprintf(name, sizeof name, "take %d", t + 1);
        snprintf(more, sizeof more, "%s: %s", name, ending);
        snprintf(most, sizeof most, "%s, quality %.0f %%", more, 100 * (1 - (double)take->flaw));
        snprintf(less, sizeof less, "%d: %s", t + 1, ending);
        const char *words[] = {most, more, less, name, number};
        put_fitting(p, "on", x0, x1, y + 13, words, 5);
        bool broken = strncmp(ending, "breaks", 6) == 0;
        if (broken && seconds_of(s, to) <= p->line.to_s) put_line(p, "seam", x1, y - 4, x1, y + TAKE_H + 4);
        if (seconds_of(s, from) >= p->line.from_s) put_line(p, "bar", x0, y, x0, y + TAKE_H);
    }
}

/* The units from `u` on that share its number in a column that counts through the session. */
#define RUN_END(s, u, field) run_end(s, u, offsetof(SongUnit, field))
static int32_t run_end(const Song *s, int32_t u, size_t field) {
    int32_t number, other, v = u + 1;
    memcpy(&number, (const char *)&s->units[u] + field, sizeof number);
    for (; v < s->n_units && s->units[v].take == s->units[u].take; v++) {
        memcpy(&other, (const char *)&s->units[v] + field, sizeof other);
        if (other != number) break;
    }
    return v;
}

static int64_t unit_start(const Song *s, int32_t u) {
    return u < s->n_units ? s->units[u].start_sample : s->n_samples;
}

static void draw_sections(Page *p) {
    const Song *s = p->song;
    double x0, x1, y = p->line.y + SECTION_Y;
    char letter[SONG_LETTER];
    for (int32_t u = 0, v; u < s->n_units; u = v) {
        v = RUN_END(s, u, section);
        if (s->units[u].section < 0 || !on_line(p, unit_start(s, u), unit_start(s, v), &x0, &x1)) continue;
        int32_t label = song_section_label(s, u, v);
        put_box(p, x0, x1, y, SECTION_H, label < 0 ? "#eeeeee" : section_colors[label % 10], 1);
        put_line(p, "bar", x0, y, x0, y + SECTION_H);
        const char *words[] = {song_letter(label, letter)};
        put_fitting(p, "name", x0, x1 + 6, y + 12, words, 1);
    }
    for (int32_t u = 0, v; u < s->n_units; u = v) { /* brackets of the phrases along the lower edge */
        v = RUN_END(s, u, phrase);
        if (s->units[u].phrase < 0 || !on_line(p, unit_start(s, u), unit_start(s, v), &x0, &x1)) continue;
        if (x1 - x0 > 4)
            bytes_printf(&p->w, "<path class=\"phrase\" d=\"M%.1f %.1fv3H%.1fv-3\"/>\n", x0 + 1,
                         y + SECTION_H - 1, x1 - 1);
    }
}

/* Ticks of beats where they can be told apart; long ones and the bar of the form at downbeats. */
static void draw_bars(Page *p) {
    const Song *s = p->song;
    double x0, x1, y = p->line.y + BAR_Y, free_from = LEFT;
    double pixels_a_second = INSIDE / (p->line.to_s - p->line.from_s);
    for (int32_t u = 0; u < s->n_units; u++) {
        const SongUnit *unit = &s->units[u];
        if (unit->kind != UNIT_BEAT || !on_line(p, unit->start_sample, song_unit_end(s, u), &x0, &x1))
            continue;
        if (seconds_of(s, unit->start_sample) < p->line.from_s) continue;
        double beat_pixels = unit->tempo_bpm > 0 ? pixels_a_second * 60 / (double)unit->tempo_bpm : 0;
        if (unit->phase != 0) {
            if (beat_pixels >= 3) put_line(p, "beat", x0, y, x0, y + 4);
            continue;
        }
        bool numbered = unit->slot >= 0 && unit->slot % 4 == 0 && x0 >= free_from;
        if (beat_pixels * 4 >= 3 || numbered) put_line(p, "bar", x0, y, x0, y + (numbered ? 11 : 7));
        if (!numbered) continue;
        char text[16];
        snprintf(text, sizeof text, "%d", unit->slot + 1);
        put_text(p, "small", x0 + 2, y + 17, text);
        free_from = x0 + text_width(text) + 6;
    }
}

static void draw_keys(Page *p) {
    const Song *s = p->song;
    double x0, x1;
    char name[SONG_KEY_TEXT], shorter[SONG_KEY_TEXT];
    for (int32_t u = 0, v; u < s->n_units; u = v) {
        for (v = u + 1;
             v < s->n_units && s->units[v].key == s->units[u].key && s->units[v].take == s->units[u].take;)
            v++;
        if (!s->units[u].key || !on_line(p, unit_start(s, u), unit_start(s, v), &x0, &x1)) continue;
        song_key_name(s->units[u].key, name);
        snprintf(shorter, sizeof shorter, "%.*s%s", (int)strcspn(name, " "), name,
                 strstr(name, "minor") ? "m" : "");
        const char *words[] = {name, shorter};
        put_line(p, "beat", x0, p->line.y + KEY_Y, x0, p->line.y + KEY_Y + KEY_H);
        put_fitting(p, "name", x0, x1 + 4, p->line.y + KEY_Y + 10, words, 2);
    }
}

static void draw_loudness(Page *p) {
    const Song *s = p->song;
    const double lowest = -50, highest = 0, y = p->line.y + LOUD_Y;
    double x0, x1;
    bool drawing = false;
    for (int db = 0; db >= -40; db -= 20) {
        double at = y + (highest - db) / (highest - lowest) * LOUD_H;
        put_line(p, "rule", LEFT, at, WIDTH - RIGHT, at);
    }
    bytes_printf(&p->w, "<path class=\"loud\" d=\"");
    for (int32_t u = 0; u < s->n_units; u++) {
        if (!on_line(p, s->units[u].start_sample, song_unit_end(s, u), &x0, &x1)) continue;
        double db = s->units[u].loudness_db;
        db = db < lowest ? lowest : db > highest ? highest : db;
        bytes_printf(&p->w, "%c%.1f %.1fH%.1f", drawing ? 'L' : 'M', x0,
                     y + (highest - db) / (highest - lowest) * LOUD_H, x1);
        drawing = true;
    }
    bytes_printf(&p->w, "%s\"/>\n", drawing ? "" : "M0 0");
}

/* The level of each stem over 45 dB, in a row of its own; a line under the vocals where somebody sings. */
static void draw_stems(Page *p) {
    const Song *s = p->song;
    const double range_db = 45;
    double x0, x1, top_db = SONG_SILENT_DB;
    for (int32_t u = 0; u < s->n_units; u++)
        for (int k = 0; k < STEMS; k++) top_db = fmax(top_db, (double)s->units[u].stem_db[k]);
    if (top_db <= SONG_SILENT_DB) return; /* a Song from before stems were heard */
    for (int k = 0; k < STEMS; k++) {
        const double floor_y = p->line.y + STEM_Y + (k + 1) * STEM_H;
        bool drawing = false;
        put_text(p, "small", LEFT - 38, floor_y - 3, stem_names[k]);
        for (int32_t u = 0; u < s->n_units; u++) {
            if (!on_line(p, s->units[u].start_sample, song_unit_end(s, u), &x0, &x1)) continue;
            double share = 1 - (top_db - (double)s->units[u].stem_db[k]) / range_db;
            if (!drawing)
                bytes_printf(&p->w, "<path fill=\"%s\" d=\"M%.1f %.1f", stem_colors[k], x0, floor_y);
            drawing = true;
            bytes_printf(&p->w, "V%.1fH%.1f", floor_y - (STEM_H - 3) * (share > 0 ? share : 0), x1);
        }
        if (drawing) bytes_printf(&p->w, "V%.1fZ\"/>\n", floor_y);
        for (int32_t u = 0; u < s->n_units && k == STEM_VOCALS; u++)
            if (s->units[u].vocal >= 0.5F &&
                on_line(p, s->units[u].start_sample, song_unit_end(s, u), &x0, &x1))
                put_box(p, x0, x1, floor_y + 0.5, 1.5, stem_colors[k], 1);
    }
}

static void draw_flaws(Page *p) {
    const Song *s = p->song;
    double x0, x1, y = p->line.y + FLAW_Y;
    char color[8];
    for (int32_t u = 0; u < s->n_units; u++) {
        const SongUnit *unit = &s->units[u];
        if (unit->take < 0 || unit->kind == UNIT_TAIL || unit->flaw < 0.02F) continue;
        if (!on_line(p, unit->start_sample, song_unit_end(s, u), &x0, &x1)) continue;
        double f = unit->flaw;
        snprintf(color, sizeof color, "#%02x%02x%02x", (int)(240 - 62 * f), (int)(190 - 166 * f),
                 (int)(120 - 77 * f));
        put_box(p, x0, x1, y + FLAW_H * (1 - f), FLAW_H * f, color, 1);
    }
    put_line(p, "rule", LEFT, y + FLAW_H, WIDTH - RIGHT, y + FLAW_H);
}

static void draw_line(Page *p) {
    static const struct {
        const char *name;
        double y;
    } lanes[] = {{"sound", WAVE_Y + WAVE_H / 2 + 4},
                 {"takes", TAKE_Y + 13},
                 {"sections", SECTION_Y + 12},
                 {"bars", BAR_Y + 12},
                 {"key", KEY_Y + 10},
                 {"level, dB", LOUD_Y + LOUD_H / 2 + 4},
                 {"stems", STEM_Y + 2 * STEM_H + 3},
                 {"mistakes?", FLAW_Y + FLAW_H / 2 + 8}};
    for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++)
        put_text(p, "lane", 24, p->line.y + lanes[i].y, lanes[i].name);
    put_text(p, "small", LEFT - 16, p->line.y + LOUD_Y + 6, "0");
    put_text(p, "small", LEFT - 22, p->line.y + LOUD_Y + LOUD_H, "-50");
    draw_time(p);
    draw_wave(p);
    draw_takes(p);
    draw_sections(p);
    draw_bars(p);
    draw_keys(p);
    draw_loudness(p);
    draw_stems(p);
    draw_flaws(p);
}

/* ---- the head ---------------------------------------------------------------------------------- */

/* The key that most beats of a tune have. */
static uint8_t key_of_tune(const Song *s, int32_t tune) {
    int32_t n[SONG_KEYS + 1] = {0};
    uint8_t best = 0;
    for (int32_t u = 0; u < s->n_units; u++)
        if (s->units[u].take >= 0 && s->takes[s->units[u].take].tune == tune) n[s->units[u].key]++;
    for (uint8_t k = 1; k <= SONG_KEYS; k++)
        if (n[k] > (best ? n[best] : 0)) best = k;
    return best;
}

static double draw_head(Page *p) {
    const Song *s = p->song;
    char text[512], form[320], length[TIME_TEXT], key[SONG_KEY_TEXT];
    double y = 34;
    put_text(p, "title", 24, y, p->sheet->title);
    int n = snprintf(text, sizeof text, "%s, %d take%s of %d tune%s",
                     time_text(seconds_of(s, s->n_samples), length), s->n_takes, s->n_takes == 1 ? "" : "s",
                     s->n_tunes, s->n_tunes == 1 ? "" : "s");
    if (s->loudness_lufs > SONG_SILENT_LUFS)
        n += snprintf(text + n, sizeof text - (size_t)n, "; %.1f LUFS, range %.1f LU",
                      (double)s->loudness_lufs, (double)s->loudness_range_lu);
    snprintf(text + n, sizeof text - (size_t)n, "; tuned %.0f cents %s of A = 440 Hz",
             fabs((double)s->tuning_cents), s->tuning_cents < 0 ? "below" : "above");
    put_text(p, "name", 24, y += 20, text);
    for (int32_t t = 0; t < s->n_tunes; t++) {
        const SongTune *tune = &s->tunes[t];
        int32_t n_takes = 0;
        for (int32_t k = 0; k < s->n_takes; k++) n_takes += s->takes[k].tune == t;
        put_box(p, 24, 36, (y += 18) - 10, 12, tune_colors[t % 8], 1);
        snprintf(text, sizeof text, "tune %d: %d take%s, %d beats a bar, %.1f bpm, %s; form of %d bars: %s",
                 t + 1, n_takes, n_takes == 1 ? "" : "s", tune->meter, (double)tune->tempo_bpm,
                 song_key_name(key_of_tune(s, t), key), tune->n_slots,
                 song_form_text(s, t, form, sizeof form));
        put_text(p, "name", 42, y, text);
    }
    put_text(p, "lane", 24, y + 18,
             "bars: number in the form at every fourth; brackets under the sections: phrases; red line: the "
             "take breaks "
             "off; line under the vocals: somebody sings; mistakes?: likelihood that something is wrong; "
             "grey sound: between takes");
    return y + 36;
}

Status sheet_write(const char *path, const Sheet *sheet) {
    Page p = {.song = sheet->song, .sheet = sheet};
    Status st = find_top(sheet, &p.top);
    if (st != BS_OK) return st;
    double whole_s = seconds_of(p.song, p.song->n_samples);
    int32_t n_lines = (int32_t)ceil(whole_s / seconds_a_line - 0.25);
    n_lines = n_lines < 1 ? 1 : n_lines > MAX_LINES ? MAX_LINES : n_lines;
    int32_t tunes = p.song->n_tunes;
    double height = 34 + 20 + 18 * tunes + 36 + LINE_H * n_lines;
    bytes_init(&p.w, MAX_BYTES);
    bytes_printf(
        &p.w,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\">\n",
        WIDTH, height, WIDTH, height);
    bytes_put(&p.w, style, sizeof style - 1);
    bytes_printf(&p.w, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n");
    double y = draw_head(&p);
    for (int32_t i = 0; i < n_lines; i++) {
        p.line = (Line){whole_s * i / n_lines, whole_s * (i + 1) / n_lines, y + LINE_H * i};
        draw_line(&p);
    }
    bytes_printf(&p.w, "</svg>\n");
    st = p.w.bad ? fail(BS_TOO_BIG, "%s: the picture does not fit into %d MiB", path, MAX_BYTES >> 20)
                 : file_replace(path, p.w.bytes, p.w.n_bytes);
    bytes_drop(&p.w);
    return st;
}
