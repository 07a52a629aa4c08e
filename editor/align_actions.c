/* Alignment -> Song -> projection -> actions; then the actions are played once more, to say which units each
 * makes.
 *
 * A unit's confidence is the share of it that lies in the piece it comes from, times how sure that piece is.
 * Pieces and units both come in the order in which they sound. */
#include "editor/align_actions.h"

#include <stdlib.h>

#include "common/edits/edit_json.h"
#include "common/env/env_retell.h"
#include "editor/fit.h"
#include "editor/steps.h"
#include "featurizer/featurize.h"
#include "featurizer/pair.h"

static const double least_share = 0.25; /* of a unit in a piece, so that it can be from there */

/* ---- confidence */

static double share_in_piece(const Song *song, int32_t unit, const AlignPiece *p) {
    const int64_t start = song->units[unit].start_sample, end = song_unit_end(song, unit);
    const int64_t from = start > p->raw_start ? start : p->raw_start,
                  to = end < p->raw_end ? end : p->raw_end;
    return to > from ? (double)(to - from) / (double)(end - start) : 0;
}

static void find_confidence(const Song *song, const Alignment *a, const Retelling *r, double *confidence) {
    int32_t piece = 0;
    for (int32_t i = 0; i < r->n; i++) {
        const bool seam = i > 0 && r->units[i] != r->units[i - 1] + 1;
        confidence[i] = 0;
        for (int32_t k = piece + seam; k < a->n_pieces; k++) {
            const double share = share_in_piece(song, r->units[i], &a->pieces[k]);
            if (share < least_share) continue;
            confidence[i] = share * (double)a->pieces[k].score;
            piece = k;
            break;
        }
    }
}

/* ---- JSON */

static Status add_unit(Json *list, const Song *song, int32_t unit, double confidence) {
    Status st = BS_OK;
    Json *row = json_new_array(), *whole;
    if (!row) return fail(BS_NOMEM, "align: out of memory");
    TRY(json_append(row, json_new_integer(unit)));
    TRY(json_append(row, json_new_integer(song->units[unit].start_sample)));
    TRY(json_append(row, json_new_integer(song_unit_end(song, unit))));
    TRY(json_append(row, json_new_real(confidence)));
    whole = row;
    row = NULL;
    TRY(json_append(list, whole));
out:
    json_free(row);
    return st;
}

/* {"action": "KEEP bar", "index": 1, "units": [[unit, start, end, confidence], ...]}; units [from, to). */
static Status add_step(Json *steps, const Song *song, const Retelling *r, int action, int32_t from,
                       int32_t to, const double *confidence) {
    Status st = BS_OK;
    char text[64];
    Json *step = json_new_object(), *units = json_new_array(), *whole;
    if (!step || !units) TRY(fail(BS_NOMEM, "align: out of memory"));
    TRY(json_set_text(step, "action", env_action_text(action, text, sizeof text)));
    TRY(json_set_i64(step, "index", action));
    for (int32_t i = from; i < to; i++) TRY(add_unit(units, song, r->units[i], confidence[i]));
    whole = units;
    units = NULL;
    TRY(json_set(step, "units", whole));
    whole = step;
    step = NULL;
    TRY(json_append(steps, whole));
out:
    json_free(units);
    json_free(step);
    return st;
}

/* What the environment plays by itself belongs to the step before it, and at the start to the first. */
static Status steps_to_json(Env *env, const Retelling *r, const double *confidence, Json *steps) {
    Status st = BS_OK;
    const int32_t *units;
    const uint8_t *fades;
    int32_t from = 0;
    TRY(env_reset(env, &r->job));
    for (int32_t i = 0; i < r->n_actions; i++) {
        env_step(env, r->actions[i], NULL, &st);
        TRY(st);
        const int32_t to = env_out_units(env, &units, &fades);
        TRY(add_step(steps, env_song_song(env_song_of(env)), r, r->actions[i], from, to, confidence));
        from = to;
    }
out:
    return st;
}

static Status to_json(Env *env, const Retelling *r, const Alignment *a, const AlignActions *said,
                      Json **out) {
    Status st = BS_OK;
    const Song *song = env_song_song(env_song_of(env));
    double *confidence = malloc(sizeof *confidence * (size_t)r->n);
    Json *object = json_new_object(), *steps = json_new_array(), *whole;
    if (!confidence || !object || !steps) TRY(fail(BS_NOMEM, "align: out of memory"));
    find_confidence(song, a, r, confidence);
    TRY(json_set_i64(object, "environment", ENV_VERSION));
    TRY(json_set_i64(object, "featurizer", song->featurizer_version));
    TRY(json_set_hash(object, "song", &song->hash));
    TRY(json_set_i64(object, "tune", song_tune_called(song, r->job.tune) - 1));
    TRY(json_set_i64(object, "lo_samples", r->job.lo_samples));
    TRY(json_set_i64(object, "hi_samples", r->job.hi_samples));
    TRY(json_set_f64(object, "loss", said->loss));
    TRY(json_set_f64(object, "weight", said->weight));
    TRY(json_set_bool(object, "as_projected", said->whole));
    TRY(edit_json_set_segments(object, &r->edit));
    TRY(steps_to_json(env, r, confidence, steps));
    whole = steps;
    steps = NULL;
    TRY(json_set(object, "steps", whole));
    *out = object;
    object = NULL;
out:
    free(confidence);
    json_free(steps);
    json_free(object);
    return st;
}

/* ---- all */

/* Where the recording is longer than an episode can be, the excerpt of the tune that is edited takes its
 * place. */
static Status project(Song **song, const Edit *edit, Projection *out) {
    Status st = projection_make(out, *song, edit);
    if (st != BS_OK || (*song)->n_units <= ENV_MAX_UNITS) return st;
    int64_t tune = out->tune + 1;
    projection_drop(out);
    st = fit_to_episode(song, &tune, true);
    return st == BS_OK ? projection_make(out, *song, edit) : st;
}

Status align_actions(const char *const *raws, int32_t n_raws, const Alignment *a, Edit *edit, Json **out,
                     AlignActions *said) {
    Status st = BS_OK;
    Steps steps;
    Song *song = NULL;
    EnvSong *es = NULL;
    Env *env = NULL;
    Projection projection = {0};
    Retelling told = {0};
    steps_start(&steps, "listening", true);
    steps_next(&steps, 1);
    st = featurize_files(raws, NULL, n_raws, NULL, steps_at, &steps, &song);
    steps_end(&steps, st == BS_OK);
    TRY(st);
    TRY(pair_edit(edit, a, song));
    TRY(project(&song, edit, &projection));
    TRY(env_song_new(&es, song));
    TRY(env_new(&env, es));
    TRY(env_retell(&told, env, &projection));
    *said = (AlignActions){.n_actions = told.n_actions, .whole = told.whole};
    TRY(projection_loss(edit, pair_foreign_samples(a), &told.edit, &said->loss));
    said->weight = projection_weight(said->loss);
    TRY(to_json(env, &told, a, said, out));
out:
    retelling_drop(&told);
    projection_drop(&projection);
    env_free(env);
    env_song_free(es);
    song_free(song);
    return st;
}
