#include "editor/align_json.h"

#include "common/edits/edit_json.h"
#include "featurizer/pair.h"

static Status add_range(Json *object, const char *key, int64_t start, int64_t end) {
    Status st = BS_OK;
    Json *range = json_new_array();
    if (!range) return fail(BS_NOMEM, "align: out of memory");
    TRY(json_append(range, json_new_integer(start)));
    TRY(json_append(range, json_new_integer(end)));
    Json *given = range;
    range = NULL;
    TRY(json_set(object, key, given));
out:
    json_free(range);
    return st;
}

static Status add_curve(Json *object, const char *key, const float *gain) {
    Status st = BS_OK;
    Json *curve = json_new_array();
    if (!curve) return fail(BS_NOMEM, "align: out of memory");
    for (int i = 0; i < ALIGN_CURVE; i++) TRY(json_append(curve, json_new_real((double)gain[i])));
    Json *given = curve;
    curve = NULL;
    TRY(json_set(object, key, given));
out:
    json_free(curve);
    return st;
}

static Status add_join(Json *object, const AlignJoin *j) {
    Status st = BS_OK;
    Json *join = json_new_object();
    if (!join) return fail(BS_NOMEM, "align: out of memory");
    TRY(json_set_i64(join, "start", j->start));
    TRY(json_set_i64(join, "end", j->end));
    TRY(json_set_text(join, "shape", align_shape_names[j->shape]));
    if (j->shape != SHAPE_CUT) {
        TRY(add_curve(join, "leave", j->leave));
        TRY(add_curve(join, "enter", j->enter));
    }
    Json *given = join;
    join = NULL;
    TRY(json_set(object, "join", given));
out:
    json_free(join);
    return st;
}

static Status fill_piece(Json *object, const Alignment *a, int32_t i) {
    Status st = BS_OK;
    const AlignPiece *p = &a->pieces[i];
    TRY(add_range(object, "edit", p->edit_start, p->edit_end));
    TRY(add_range(object, "raw", p->raw_start, p->raw_end));
    TRY(json_set_text(object, "move", align_move_names[align_move(a, i)]));
    if (p->joined) TRY(add_join(object, &p->join));
    if (align_move(a, i) == MOVE_CUT) TRY(add_range(object, "cut", p[-1].raw_end, p->raw_start));
    TRY(json_set_f64(object, "speed_ppm", p->ppm));
    TRY(json_set_f64(object, "gain", (double)p->gain));
    TRY(json_set_f64(object, "score", (double)p->score));
    TRY(json_set_bool(object, "tie", p->tie));
    if (p->tie) {
        Json *list = json_new_array();
        for (int32_t k = 0; list && k < p->n_alternatives; k++)
            if (json_append(list, json_new_integer(p->alternatives[k])) != BS_OK) break;
        TRY(json_set(object, "same_at", list));
    }
out:
    return st;
}

static Status add_list(Json *root, const char *key, const Alignment *a, int32_t n,
                       Status (*fill)(Json *object, const Alignment *a, int32_t i)) {
    Status st = BS_OK;
    Json *list = json_new_array(), *object = NULL, *given;
    if (!list) return fail(BS_NOMEM, "align: out of memory");
    for (int32_t i = 0; i < n; i++) {
        object = json_new_object();
        if (!object) TRY(fail(BS_NOMEM, "align: out of memory"));
        TRY(fill(object, a, i));
        given = object;
        object = NULL;
        TRY(json_append(list, given));
    }
    given = list;
    list = NULL;
    TRY(json_set(root, key, given));
out:
    json_free(object);
    json_free(list);
    return st;
}

static Status fill_other(Json *object, const Alignment *a, int32_t i) {
    Status st = BS_OK;
    TRY(add_range(object, "edit", a->others[i].edit_start, a->others[i].edit_end));
    TRY(json_set_text(object, "kind", align_other_names[a->others[i].kind]));
out:
    return st;
}

Status align_json(const Alignment *a, const Edit *edit, Json **out) {
    Status st = BS_OK;
    *out = NULL;
    Json *root = json_new_object();
    if (!root) return fail(BS_NOMEM, "align: out of memory");
    TRY(edit_json_fill(root, edit));
    TRY(json_set_i64(root, "edit_sample_rate", a->edit_rate_hz));
    TRY(json_set_i64(root, "raw_samples", a->n_raw));
    TRY(json_set_i64(root, "edit_samples", a->n_edit));
    TRY(json_set_f64(root, "matched", (double)a->matched));
    TRY(json_set_f64(root, "explained_db", (double)a->ratio_db));
    TRY(json_set_bool(root, "exact", a->plain));
    TRY(json_set_i64(root, "foreign_samples", pair_foreign_samples(a)));
    TRY(add_list(root, "pieces", a, a->n_pieces, fill_piece));
    TRY(add_list(root, "others", a, a->n_others, fill_other));
    *out = root;
    root = NULL;
out:
    json_free(root);
    return st;
}
