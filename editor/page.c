/* The page: head, comparison, then for each song a picture, its segments and its seams. */
#include "editor/page.h"

#include <math.h>
#include <string.h>

#include "common/host/file.h"
#include "common/report/labels.h"
#include "common/report/markup.h"
#include "editor/alternatives.h"
#include "editor/page_parts.h"
#include "editor/page_sound.h"
#include "editor/picture.h"
#include "editor/summary.h"

enum { SHOWN_ALTERNATIVES = 4 };
static const double around_seam_s = 3;
static const float telling = 0.02F; /* a difference in what sounds wrong that is worth words */

typedef struct Page {
    ByteWriter *w;
    const EditWork *work;
    PageSound sound;
} Page;

/* A button that plays part of the recording. */
static void play_recording(Page *p, int64_t start, int64_t end, const char *text) {
    const double rate = p->work->song->sample_rate_hz;
    page_sound_want(&p->sound, start, end);
    page_play(p->w, "raw", (double)start / rate, (double)(end - start) / rate, text);
}

/* ---- what a segment is */

typedef struct Piece {
    int32_t take, called, bars, again; /* called: 0 between takes; again: the segment it plays again, -1 */
    float flaw;
    double at_s, length_s, from_s, to_s;
} Piece;

static Piece piece_of(const EditWork *w, const EditedSong *s, int32_t i, int64_t at) {
    const EditSegment *seg = &s->cut.edit.segments[i];
    const double rate = w->song->sample_rate_hz;
    Piece p = {.take = w->song->units[song_unit_at(w->song, seg->start_sample)].take,
               .again = -1,
               .flaw = alternatives_flaw(w->song, seg->start_sample, seg->end_sample),
               .at_s = (double)at / rate,
               .length_s = (double)(seg->end_sample - seg->start_sample) / rate,
               .from_s = (double)seg->start_sample / rate,
               .to_s = (double)seg->end_sample / rate};
    int32_t last = -1;
    if (p.take >= 0) p.called = song_take_called(w->song, p.take);
    for (int32_t u = song_unit_at(w->song, seg->start_sample);
         u < w->song->n_units && w->song->units[u].start_sample < seg->end_sample; u++)
        if (w->song->units[u].bar >= 0 && w->song->units[u].bar != last)
            last = w->song->units[u].bar, p.bars++;
    for (int32_t k = 0; k < i && p.again < 0; k++) {
        const EditSegment *o = &s->cut.edit.segments[k];
        if (o->start_sample < seg->end_sample && seg->start_sample < o->end_sample) p.again = k;
    }
    return p;
}

/* Why it is there, in a musician's words. */
static void put_reason(ByteWriter *w, const Song *song, const Piece *p, const Alternative *list, int32_t n) {
    if (!p->called) {
        bytes_printf(w, "This lies between the takes. ");
    } else if (!n) {
        bytes_printf(w, "No other take plays these bars from end to end. ");
    } else {
        float least = 1;
        int32_t better = 0;
        for (int32_t k = 0; k < n; k++) {
            least = fminf(least, list[k].flaw);
            better += list[k].flaw < p->flaw - telling;
        }
        if (better == 1 && n == 1)
            bytes_printf(w, "The other take has fewer mistakes here (%.0f %% against %.0f %%). ",
                         (double)(100 * least), (double)(100 * p->flaw));
        else if (better)
            bytes_printf(w, "%d of %d other takes %s fewer mistakes here (%.0f %% against %.0f %%). ", better,
                         n, better == 1 ? "has" : "have", (double)(100 * least), (double)(100 * p->flaw));
        else if (least < p->flaw + telling)
            bytes_printf(w, "Of %d takes of these bars none is clearly better played. ", n + 1);
        else
            bytes_printf(w,
                         "Take %d plays these bars with the fewest mistakes of %d takes: %.0f %% of it "
                         "sounds wrong, of the next best %.0f %%. ",
                         p->called, n + 1, (double)(100 * p->flaw), (double)(100 * least));
        if (list[0].gain < 0)
            bytes_printf(w, "Any other take would make the whole song worse, by its seams, tempo or level. ");
        else
            bytes_printf(w, "Take %d scores as well or better by itself: listen to both. ",
                         song_take_called(song, list[0].take));
    }
    if (p->again >= 0) bytes_printf(w, "It plays again music of segment %d. ", p->again + 1);
}

static void put_command(ByteWriter *w, const EditWork *work, const EditedSong *s, const char *change) {
    char better[OPTION_TEXT_BYTES + 32];
    const char *extension = path_extension(s->names.song);
    const int stem = (int)(strlen(s->names.song) - strlen(extension) - (*extension ? 1 : 0));
    snprintf(better, sizeof better, "%.*s-changed.%s", stem, s->names.song, extension);
    bytes_printf(w, "<code>bandsaw edit --from ");
    page_shell(w, s->names.json);
    bytes_printf(w, " -o ");
    page_shell(w, better);
    bytes_printf(w, " %s", change);
    if (work->set.loudness < 0) bytes_printf(w, " --loudness %g", work->set.loudness);
    if (work->set.bits) bytes_printf(w, " --bits %lld", (long long)work->set.bits);
    if (work->set.tracks[0]) {
        bytes_printf(w, " --tracks ");
        page_shell(w, work->set.tracks);
    }
    bytes_printf(w, "</code>");
}

static void put_alternatives(Page *page, const EditedSong *s, int32_t i, const Alternative *list, int32_t n) {
    ByteWriter *w = page->w;
    const EditWork *work = page->work;
    const double rate = work->song->sample_rate_hz;
    char text[TIME_TEXT], change[48];
    bytes_printf(w, "<details><summary>Change it</summary>\n<ul>\n");
    for (int32_t k = 0; k < n && k < SHOWN_ALTERNATIVES; k++) {
        const Alternative *a = &list[k];
        bytes_printf(w, "<li>Take %d from %s: %.0f %% of it sounds wrong, the song's worth changes by %+.3f ",
                     song_take_called(work->song, a->take), time_text((double)a->start_sample / rate, text),
                     (double)(100 * a->flaw), (double)a->gain);
        play_recording(page, a->start_sample, a->end_sample, "hear");
        bytes_printf(w, "<br>");
        snprintf(change, sizeof change, "--swap %d=%d", i + 1, song_take_called(work->song, a->take));
        put_command(w, work, s, change);
        bytes_printf(w, "</li>\n");
    }
    snprintf(change, sizeof change, "--drop %d", i + 1);
    if (s->cut.edit.n_segments > 1) {
        bytes_printf(w, "<li>Without this segment:<br>");
        put_command(w, work, s, change);
        bytes_printf(w, "</li>\n");
    }
    bytes_printf(w, "</ul></details>\n");
}

static void put_segments(Page *page, const EditedSong *s, int32_t number) {
    ByteWriter *w = page->w;
    const EditWork *work = page->work;
    const Edit *edit = &s->cut.edit;
    char song[16], a[TIME_TEXT], b[TIME_TEXT];
    snprintf(song, sizeof song, "song%d", number);
    bytes_printf(w, "<h3>What was kept</h3>\n<ol class=\"list\">\n");
    int64_t at = s->plan.lead_in_samples;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const Piece p = piece_of(work, s, i, at);
        Alternative list[ALTERNATIVES_MAX];
        const int32_t n = alternatives_of(work->es, &work->asked.job, edit, i, list);
        bytes_printf(w, "<li><p><b>Segment %d</b> at %s: ", i + 1, time_text(p.at_s, a));
        if (p.called) /* the edit has something of it: there is a colour */
            bytes_printf(w, "<span class=\"chip k%d\"></span> take %d, ",
                         picture_colour(work->song, edit, p.take), p.called);
        bytes_printf(w, "%s to %s of the recording", time_text(p.from_s, a), time_text(p.to_s, b));
        if (p.bars) bytes_printf(w, ", %d bar%s", p.bars, p.bars == 1 ? "" : "s");
        bytes_printf(w, "</p><p>");
        page_play(w, song, p.at_s, p.length_s, "in the song");
        play_recording(page, edit->segments[i].start_sample, edit->segments[i].end_sample,
                       "in the recording");
        bytes_printf(w, "</p><p>");
        put_reason(w, work->song, &p, list, n);
        bytes_printf(w, "</p>\n");
        put_alternatives(page, s, i, list, n);
        bytes_printf(w, "</li>\n");
        at += edit->segments[i].end_sample - edit->segments[i].start_sample;
    }
    bytes_printf(w, "</ol>\n");
}

/* ---- seams */

static void put_terms(ByteWriter *w, const EnvSeam *t) {
    const struct {
        const char *name;
        float value;
    } rows[] = {
        {"sound", t->sound}, {"harmony", t->chroma}, {"level", t->level}, {"place in the bar", t->phase},
        {"tempo", t->tempo}, {"phrase", t->phrase},  {"costs", t->cost}};
    bytes_printf(w, "<dl>");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        bytes_printf(w, "<div><dt>%s</dt><dd>%.2f</dd></div>", rows[k].name, (double)rows[k].value);
    bytes_printf(w, "</dl>");
}

static void put_seam(ByteWriter *w, const EditWork *work, const EditedSong *s, int32_t i, int32_t number) {
    const Seam *seam = &s->plan.seams[i];
    const Edit *edit = &s->cut.edit;
    const double rate = work->song->sample_rate_hz, at = (double)seam->out_sample / rate;
    const int32_t a = song_unit_at(work->song, edit->segments[i].end_sample - 1);
    const int32_t b = song_unit_at(work->song, edit->segments[i + 1].start_sample);
    const EnvSeam terms = env_seam(work->es, &work->asked.job, a, b, (Fade)edit->segments[i + 1].fade);
    char song[16], text[TIME_TEXT], change[48];
    snprintf(song, sizeof song, "song%d", number);
    bytes_printf(w, "<li><p><b>Seam %d</b> at %s, from segment %d to %d ", i + 1, time_text(at, text), i + 1,
                 i + 2);
    page_play(w, song, fmax(at - around_seam_s, 0), 2 * around_seam_s, "hear the seam");
    bytes_printf(w, "</p><p>%s, blended over %.0f ms; the two sides are %s (correlation %.2f).</p>",
                 seam->percussive ? "Cut just before a hit" : "Sustained sound",
                 1000.0 * seam->fade_samples / rate, seam->correlation > 0.5f ? "alike" : "different",
                 (double)seam->correlation);
    put_terms(w, &terms);
    bytes_printf(w, "<details><summary>Move it</summary><p>A beat earlier:<br>");
    snprintf(change, sizeof change, "--nudge %d=-1", i + 1);
    put_command(w, work, s, change);
    bytes_printf(w, "</p><p>A beat later:<br>");
    snprintf(change, sizeof change, "--nudge %d=+1", i + 1);
    put_command(w, work, s, change);
    bytes_printf(w, "</p></details></li>\n");
}

/* ---- songs */

static Status put_song(Page *page, const EditedSong *s, int32_t number) {
    Status st = BS_OK;
    ByteWriter *w = page->w;
    const EditWork *work = page->work;
    const Edit *edit = &s->cut.edit;
    const double rate = work->song->sample_rate_hz;
    char song[16], text[TIME_TEXT];
    snprintf(song, sizeof song, "song%d", number);
    bytes_printf(w, "<section id=\"%s\"><h2>", song);
    markup_text(w, path_base(s->names.song));
    bytes_printf(w, "</h2>\n<p>%s of music, from %d of %d takes, with %d seam%s.</p>\n",
                 time_text((double)s->plan.n_samples / rate, text), summary_takes_used(work->song, edit),
                 summary_takes(work->song), s->plan.n_seams, s->plan.n_seams == 1 ? "" : "s");
    TRY(page_sound_song(&page->sound, w, s, song));
    bytes_printf(w, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"picture of the edit\">");
    picture_put(w, work, s, number);
    bytes_printf(w, "</div>\n<p class=\"note\">Colours are takes; the higher, the louder; red on the "
                    "floor is what sounds wrong; letters are sections, dashes are where phrases meet. A "
                    "click plays from there. "
                    "<span class=\"narrow\">Swipe it sideways to see the rest.</span></p>\n");
    put_segments(page, s, number);
    if (s->plan.n_seams) {
        bytes_printf(w, "<h3>How it is joined</h3>\n<p class=\"note\">Each number is a distance between the "
                        "two sides, 0 where "
                        "the recording simply goes on.</p>\n<ol class=\"list\">\n");
        for (int32_t i = 0; i < s->plan.n_seams; i++) put_seam(w, work, s, i, number);
        bytes_printf(w, "</ol>\n");
    }
    bytes_printf(w, "<h3>What the song is worth</h3>\n<p class=\"note\">What the editor weighed, in points; "
                    "a good edit has about 1 in all.</p>\n<dl>");
    for (int k = 0; k < REWARD_TERMS; k++)
        bytes_printf(w, "<div><dt>%s</dt><dd>%+.3f</dd></div>", reward_names[k], (double)s->cut.terms[k]);
    bytes_printf(w, "<div><dt>in all</dt><dd>%+.3f</dd></div></dl>\n</section>\n", (double)s->cut.reward);
out:
    return st;
}

static void put_comparison(ByteWriter *w, const EditWork *work) {
    char text[TIME_TEXT];
    bytes_printf(w, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"the songs compared\">\n"
                    "<table><thead><tr><th>song</th><th>length</th><th>takes</th><th>seams</th><th>worth</th>"
                    "<th>differs</th></tr></thead><tbody>\n");
    for (int32_t i = 0; i < work->n_songs; i++) {
        const EditedSong *s = &work->songs[i];
        bytes_printf(w, "<tr><td><a href=\"#song%d\">", i);
        markup_text(w, path_base(s->names.song));
        bytes_printf(w, "</a></td><td>%s</td><td>%d</td><td>%d</td><td>%+.3f</td><td>%.0f %%</td></tr>\n",
                     time_text((double)s->plan.n_samples / work->song->sample_rate_hz, text),
                     summary_takes_used(work->song, &s->cut.edit), s->plan.n_seams, (double)s->cut.reward,
                     100 * decide_distance(work->song, &work->songs[0].cut, &s->cut));
    }
    bytes_printf(w, "</tbody></table></div>\n");
}

static void put_head(ByteWriter *w, const EditWork *work) {
    char name[PATH_BYTES];
    page_head(w, path_base(work->songs[0].names.song));
    bytes_printf(w, "<h1>Out of ");
    markup_text(w, source_name(name, work->sources.paths[0]));
    bytes_printf(w, "</h1>\n<p>Cut by ");
    markup_text(w, work->policy_name);
    bytes_printf(w, ".");
    if (work->asked.options[0]) {
        bytes_printf(w, " Asked for: ");
        markup_text(w, work->asked.options);
        bytes_printf(w, ".");
    }
    bytes_printf(w, "</p>\n");
}

/* The songs are written first: they say what of the recording must be there to be played. */
Status page_put(ByteWriter *w, const EditWork *work, const char *path, Steps *steps) {
    Status st = BS_OK;
    char folder[PATH_BYTES];
    ByteWriter songs;
    Page page = {.w = &songs, .work = work};
    path_folder(folder, path);
    bytes_init(&songs, w->max_bytes);
    page_sound_init(&page.sound, work, folder, steps);
    if (work->n_songs > 1) put_comparison(&songs, work);
    for (int32_t i = 0; i < work->n_songs; i++) TRY(put_song(&page, &work->songs[i], i));
    put_head(w, work);
    TRY(page_sound_recording(&page.sound, w));
    bytes_put(w, songs.bytes, songs.n_bytes);
    page_foot(w);
    if (w->bad || songs.bad) st = fail(BS_TOO_BIG, "the report is too large");
out:
    page_sound_drop(&page.sound);
    bytes_drop(&songs);
    return st;
}
