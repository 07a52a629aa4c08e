/* bandsaw judge: an edit against the truth, and by ear where there is sound. */
#include <stdio.h>
#include <string.h>

#include "common/audio/audio.h"
#include "common/edits/edit_json.h"
#include "common/host/config.h"
#include "common/host/file.h"
#include "simulator/judge_ear.h"
#include "simulator/right_edit.h"
#include "simulator/verbs.h"

typedef struct JudgeSettings {
#define OPTION(type, field, ...) option_##type field;
#include "simulator/judge.def"
#undef OPTION
} JudgeSettings;

static const Option judge_options[] = {
#define OPTION(...) OPTION_ENTRY(JudgeSettings, __VA_ARGS__)
#include "simulator/judge.def"
#undef OPTION
};

static const ConfigTable judge_table = {"bandsaw-simulator judge",
                                        "bandsaw judge SESSION EDIT.json [options]",
                                        "Scores an edit from 0 to 10 by truth and by ear, and the right edit "
                                        "for the same window beside it. SESSION: "
                                        "NAME.truth.json, its NAME, or NAME_raw.wav.",
                                        judge_options, sizeof judge_options / sizeof *judge_options};

static void print_score(const char *what, const JudgeScore *score) {
    printf("%s\t%.3f", what, score->score);
    for (int p = 0; p < JUDGE_PARTS; p++) printf("\t%s %.3f", judge_names[p], score->faults[p]);
    printf("\tseams %d\tgap_s %.2f\tflaw %.4f\n", score->n_seams, score->gap_s, score->flaw);
}

static Status window(const JudgeSettings *s, const Truth *t, int64_t *lo, int64_t *hi) {
    *lo = t->lo_samples;
    *hi = t->hi_samples;
    if (!s->target[0]) return BS_OK;
    double target_s;
    Status st = parse_duration(s->target, &target_s);
    if (st != BS_OK) return fail_in(st, "--target");
    if (target_s <= 0) return fail(BS_INVALID, "--target %s: a song has a length", s->target);
    *lo = (int64_t)(target_s * (1 - s->tolerance) * t->sample_rate_hz);
    *hi = (int64_t)(target_s * (1 + s->tolerance) * t->sample_rate_hz);
    return BS_OK;
}

/* An edit that counts samples as the recording does and stays inside it. */
static Status read_edit(const char *path, const Truth *t, Edit *edit) {
    Status st = edit_json_read(edit, path);
    if (st != BS_OK) return st;
    if (edit->sample_rate_hz != t->sample_rate_hz)
        return fail(BS_INVALID, "%s: the edit counts samples at %d Hz, the recording has %d Hz", path,
                    edit->sample_rate_hz, t->sample_rate_hz);
    for (int32_t i = 0; i < edit->n_segments; i++)
        if (edit->segments[i].end_sample > t->n_samples)
            return fail(BS_INVALID, "%s: segments[%d] ends at sample %lld, the recording at %lld", path, i,
                        (long long)edit->segments[i].end_sample, (long long)t->n_samples);
    return BS_OK;
}

static bool cut_off(char *path, const char *ending) {
    size_t n = strlen(path), m = strlen(ending);
    if (n <= m || strcmp(path + n - m, ending) != 0) return false;
    path[n - m] = 0;
    return true;
}

/* SESSION as given -> its truth file and its recording; an empty path where there is no recording. */
static Status find_session(const char *session, char truth[PATH_BYTES], char recording[PATH_BYTES]) {
    static const char *const endings[] = {"_raw", ""};
    char name[PATH_BYTES - 32];
    if (strlen(session) >= sizeof name) return fail(BS_INVALID, "%.60s...: the path is too long", session);
    snprintf(name, sizeof name, "%s", session);
    if (!cut_off(name, ".truth.json") && audio_is_named(name)) {
        name[strlen(name) - strlen(path_extension(name)) - 1] = 0;
        cut_off(name, "_raw");
    }
    snprintf(truth, PATH_BYTES, "%s.truth.json", name);
    for (int i = 0; i < 2; i++)
        for (const char *const *e = audio_extensions; *e; e++) {
            snprintf(recording, PATH_BYTES, "%s%s.%s", name, endings[i], *e);
            if (file_exists(recording)) return BS_OK;
        }
    recording[0] = 0;
    return BS_OK;
}

static void print_heard(const Heard *heard) {
    printf("heard\tclicks %d\tflams %d\tcut notes %d\tlevel steps %.1f dB\tin %d seams\n", heard->n_clicks,
           heard->n_flams, heard->n_cut_notes, heard->level_db, heard->n_seams);
}

/* Puts what is heard into the scores of the edit and of the right edit. */
static Status listen(const JudgeSettings *s, const Truth *t, const char *recording, const Edit *edit,
                     const Edit *right, JudgeScore *score, JudgeScore *best) {
    Status st = BS_OK;
    JudgeEar *ear = NULL;
    Heard heard, heard_right;
    TRY(ear_open(&ear, t, &recording, 1));
    TRY(s->audio[0] ? ear_hear_file(ear, edit, s->audio, &heard) : ear_hear(ear, edit, &heard));
    TRY(ear_hear(ear, right, &heard_right));
    judge_add_sound(score, heard.fault);
    judge_add_sound(best, heard_right.fault);
    print_heard(&heard);
out:
    ear_close(ear);
    return st;
}

Status verb_judge(int argc, char **argv) {
    Status st = BS_OK;
    JudgeSettings s;
    const char *rest[2];
    int n_rest;
    bool help;
    Truth *t = NULL;
    Edit edit, right;
    JudgeScore score, best;
    int64_t lo, hi;
    char hash[JUDGE_HASH], truth_path[PATH_BYTES], recording[PATH_BYTES];
    edit_init(&edit);
    edit_init(&right);
    TRY(config_parse(&judge_table, &s, argc, argv, rest, 2, &n_rest, &help));
    if (help) goto out;
    if (n_rest < 2) {
        st = fail(BS_INVALID, "give the session and the edit: %s", judge_table.usage);
        goto out;
    }
    TRY(find_session(rest[0], truth_path, recording));
    TRY(truth_read(&t, truth_path));
    TRY(read_edit(rest[1], t, &edit));
    TRY(window(&s, t, &lo, &hi));
    TRY(judge(t, t->tune, &edit, lo, hi, &score));
    st = right_edit(t, t->tune, lo, hi, &right);
    if (st != BS_OK) {
        if (s.target[0]) fail_in(st, "--target %s", s.target);
        goto out;
    }
    TRY(judge(t, t->tune, &right, lo, hi, &best));
    if (s.audio[0] && !recording[0]) {
        st = fail(BS_NOT_FOUND,
                  "--audio is compared with the recording: no NAME_raw.wav, .flac, .ogg or .mp3 beside %s",
                  truth_path);
        goto out;
    }
    if ((s.hear || s.audio[0]) && recording[0])
        TRY(listen(&s, t, recording, &edit, &right, &score, &best));
    else
        printf("heard\tnothing: %s\n",
               s.hear ? "there is no recording beside the truth file" : "--hear false");
    print_score("edit", &score);
    print_score("right", &best);
    judge_hash(hash);
    printf("share\t%.3f\njudge\t%s\n", score.score / best.score, hash);
out:
    edit_drop(&edit);
    edit_drop(&right);
    truth_free(t);
    return st;
}
