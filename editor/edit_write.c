/* Writing: everything is rendered and built under temporary names first; then all names appear. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "common/host/progress.h"
#include "common/report/edit_json.h"
#include "common/report/edl.h"
#include "common/report/labels.h"
#include "common/report/otio.h"
#include "common/report/rpp.h"
#include "editor/edit_work.h"
#include "editor/page.h"
#include "editor/picture.h"

enum { MAX_EXPORT_BYTES = 256 << 20 };

double edit_beat_length(void *context, int64_t sample) {
    const Song *song = context;
    const SongUnit *unit =
        &song->units[song_unit_at(song, sample < song->n_samples ? sample : song->n_samples - 1)];
    double bpm = unit->tempo_bpm > 0 ? unit->tempo_bpm : song->n_tunes ? song->tunes[0].tempo_bpm : 0;
    return song->sample_rate_hz * 60.0 / (bpm > 0 ? bpm : 120);
}

/* ---- what lies beside a song */

static Status put_json(ByteWriter *out, const EditWork *w, const EditedSong *s) {
    const EditNotes notes = {.sources = w->files,
                             .source_start = w->starts,
                             .source_samples = w->lengths,
                             .n_sources = w->n_files,
                             .policy = w->policy_name,
                             .seed = (uint64_t)w->set.seed,
                             .job = &w->asked.job,
                             .terms = s->cut.terms,
                             .lead_in_samples = s->plan.lead_in_samples,
                             .tail_samples = s->plan.tail_samples};
    return edit_json_put(out, &s->cut.edit, &notes);
}

static Status put_export(ByteWriter *out, const EditWork *w, const EditedSong *s, ExportKind kind,
                         const char *path) {
    const Edit *edit = &s->cut.edit;
    const char *title = path_base(s->names.song);
    char folder[PATH_BYTES];
    path_folder(folder, path);
    switch (kind) {
    case EXPORT_RPP:
        return edit_tracks_rpp(w, s, title, folder, out);
    case EXPORT_OTIO:
        return otio_put(out, edit, &s->plan, &w->sources, title);
    case EXPORT_EDL:
        return edl_put(out, edit, &s->plan, &w->sources, title);
    default:
        return labels_put(out, edit, w->song, s->plan.lead_in_samples);
    }
}

/* The picture of one song, or (s == NULL) the page of them all. */
static Status add_shown(EditWork *w, const EditedSong *s, const char *path) {
    Status st = BS_OK;
    ByteWriter out;
    if (!path[0]) return BS_OK;
    bytes_init(&out, MAX_EXPORT_BYTES);
    TRY(s ? picture_put(&out, w, s, -1) : page_put(&out, w, path));
    TRY(outputs_add(&w->outputs, path, out.bytes, out.n_bytes));
out:
    bytes_drop(&out);
    return st;
}

static Status add_notes(EditWork *w, const EditedSong *s) {
    Status st = BS_OK;
    ByteWriter out;
    bytes_init(&out, MAX_EXPORT_BYTES);
    TRY(put_json(&out, w, s));
    TRY(outputs_add(&w->outputs, s->names.json, out.bytes, out.n_bytes));
    for (int32_t i = 0; i < s->names.n_exports; i++) {
        const char *path = s->names.exports[i].path;
        out.n_bytes = 0;
        st = put_export(&out, w, s, s->names.exports[i].kind, path);
        if (st != BS_OK) {
            fail_in(st, "%s", path);
            goto out;
        }
        TRY(outputs_add(&w->outputs, path, out.bytes, out.n_bytes));
    }
out:
    bytes_drop(&out);
    return st;
}

/* ---- the song */

/* An edit that was given sounds before and after as it did; others stay inside the window. */
static int64_t most_samples(const EditWork *w, const Edit *edit) {
    if (!w->set.from[0]) return w->asked.job.hi_samples;
    return w->origin.more_samples < 0 ? INT64_MAX : edit_samples(edit) + w->origin.more_samples;
}

static Status render(EditWork *w, EditedSong *s, Progress *bar) {
    Status st = BS_OK;
    AudioWriter *writer = NULL;
    const AudioInfo info = audio_info(w->reader);
    const Edit *edit = &s->cut.edit;
    const int32_t bits = edit_bits(w);
    TRY(mix_plan_tracks(&s->plan, edit, w->reader, &w->tracks, edit_beat_length, w->song));
    mix_plan_limit(&s->plan, most_samples(w, edit));
    if (w->set.loudness < 0)
        TRY(mix_loudness(&s->plan, edit, w->reader, w->set.loudness, &s->loudness, NULL, NULL));
    TRY(mix_markers(&s->plan, edit, &s->markers));
    TRY(audio_create_marked(&writer, s->names.song, info.sample_rate_hz, info.n_channels, bits, &s->markers));
    if (bits < info.bits || s->plan.gain != 1) audio_set_dither(writer);
    TRY(mix_render(&s->plan, edit, w->reader, writer, w->set.quiet ? NULL : edit_on_share, bar));
    outputs_add_song(&w->outputs, s->names.song, writer);
    writer = NULL;
    TRY(edit_tracks_render(w, s));
out:
    audio_abandon(writer);
    return st;
}

Status edit_write(EditWork *w) {
    Status st = BS_OK;
    Progress bar;
    for (int32_t k = 0; k < w->n_songs; k++) {
        if (!w->set.quiet) progress_start(&bar, "writing", 100);
        TRY(render(w, &w->songs[k], &bar));
        if (!w->set.quiet) progress_end(&bar, "");
        TRY(add_notes(w, &w->songs[k]));
        TRY(add_shown(w, &w->songs[k], w->songs[k].names.plot));
    }
    TRY(add_shown(w, NULL, w->set.report));
    TRY(edit_tracks_finish(w));
    st = outputs_commit(&w->outputs);
    if (st != BS_OK) edit_tracks_remove(w);
out:
    if (!w->set.quiet && st != BS_OK) edit_leave_bar(&bar);
    return st;
}
