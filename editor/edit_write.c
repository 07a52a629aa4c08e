/* Writing: everything is rendered and built under temporary names first; then all names appear. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/edits/edit_json.h"
#include "common/host/file.h"
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
    Job job = w->asked.job;
    if (w->song->n_tunes)
        job.tune = song_tune_called(w->song, job.tune) - 1; /* of the recording, not of an excerpt */
    const EditNotes notes = {.sources = w->files,
                             .source_start = w->starts,
                             .source_samples = w->lengths,
                             .n_sources = w->n_files,
                             .policy = w->policy_name,
                             .seed = (uint64_t)w->set.seed,
                             .job = &job,
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

static Status add_plot(EditWork *w, const EditedSong *s) {
    Status st = BS_OK;
    ByteWriter out;
    if (!s->names.plot[0]) return BS_OK;
    bytes_init(&out, MAX_EXPORT_BYTES);
    TRY(picture_put(&out, w, s, -1));
    TRY(staged_bytes(&w->staged, s->names.plot, out.bytes, out.n_bytes));
out:
    bytes_drop(&out);
    return st;
}

/* One page of all songs. */
static Status add_report(EditWork *w) {
    Status st = BS_OK;
    ByteWriter out;
    Steps steps;
    if (!w->set.report[0]) return BS_OK;
    bytes_init(&out, MAX_EXPORT_BYTES);
    steps_start(&steps, "the report", !w->set.quiet);
    steps_next(&steps, 1);
    TRY(page_put(&out, w, w->set.report, &steps));
    TRY(staged_bytes(&w->staged, w->set.report, out.bytes, out.n_bytes));
out:
    steps_end(&steps, st == BS_OK);
    bytes_drop(&out);
    return st;
}

static Status add_notes(EditWork *w, const EditedSong *s) {
    Status st = BS_OK;
    ByteWriter out;
    bytes_init(&out, MAX_EXPORT_BYTES);
    TRY(put_json(&out, w, s));
    TRY(staged_bytes(&w->staged, s->names.json, out.bytes, out.n_bytes));
    for (int32_t i = 0; i < s->names.n_exports; i++) {
        const char *path = s->names.exports[i].path;
        out.n_bytes = 0;
        st = put_export(&out, w, s, s->names.exports[i].kind, path);
        if (st != BS_OK) {
            fail_in(st, "%s", path);
            goto out;
        }
        TRY(staged_bytes(&w->staged, path, out.bytes, out.n_bytes));
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

static Status render(EditWork *w, EditedSong *s, Steps *steps, double part) {
    Status st = BS_OK;
    AudioWriter *writer = NULL;
    AudioMarkers markers = {0};
    const AudioInfo info = audio_info(w->reader);
    const Edit *edit = &s->cut.edit;
    const int32_t bits = edit_bits(w);
    part /= 1 + w->tracks.n + (w->set.loudness < 0);
    TRY(mix_plan_tracks(&s->plan, edit, w->reader, &w->tracks, edit_beat_length, w->song));
    mix_plan_limit(&s->plan, most_samples(w, edit));
    if (w->set.loudness < 0) {
        steps_next(steps, part);
        TRY(mix_loudness(&s->plan, edit, w->reader, w->set.loudness, &s->loudness, steps_at, steps));
    }
    TRY(mix_markers(&s->plan, edit, &markers));
    TRY(audio_create_marked(&writer, s->names.song, info.sample_rate_hz, info.n_channels, bits, &markers));
    if (bits < info.bits || s->plan.gain != 1) audio_set_dither(writer);
    steps_next(steps, part);
    TRY(mix_render(&s->plan, edit, w->reader, writer, steps_at, steps));
    st = audio_stage(writer, &w->staged);
    writer = NULL;
    if (st != BS_OK) goto out;
    steps_next(steps, w->tracks.n * part);
    TRY(edit_tracks_render(w, s, steps));
out:
    audio_abandon(writer);
    free(markers.list);
    return st;
}

Status edit_write(EditWork *w) {
    Status st = BS_OK;
    Steps steps;
    steps_start(&steps, "writing", !w->set.quiet);
    for (int32_t k = 0; k < w->n_songs; k++) {
        TRY(render(w, &w->songs[k], &steps, 1.0 / w->n_songs));
        TRY(add_notes(w, &w->songs[k]));
        TRY(add_plot(w, &w->songs[k]));
    }
    steps_end(&steps, true);
    TRY(add_report(w));
    st = staged_commit(&w->staged);
out:
    if (st != BS_OK) steps_end(&steps, false);
    return st;
}
