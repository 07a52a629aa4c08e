/* Config in words: help, the dump kept with each run, the table in docs/options.md; durations and names. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/config_private.h"

static const char *const type_names[] = {"N", "X", "", "TEXT", "NAME"};

/* What is allowed: "1 to 65536", "a|b", "". */
static void range_text(const Option *o, char *out, size_t n) {
    out[0] = 0;
    if (o->type == OPTION_i64 || o->type == OPTION_f64) snprintf(out, n, "%.15g to %.15g", o->min, o->max);
    if (o->type == OPTION_one_of) snprintf(out, n, "%s", o->choices);
}

void config_help(const ConfigTable *table, FILE *out) {
    char name[OPTION_NAME_BYTES], range[256];
    fprintf(out, "usage: %s\n\n%s\n\noptions (flag, else environment, else file, else default):\n",
            table->usage, table->about);
    fprintf(out, "  --config FILE\n        read options from FILE: [section] and key = value\n");
    for (size_t i = 0; i < table->n_options; i++) {
        const Option *o = &table->options[i];
        option_environment_name(o->key, name);
        range_text(o, range, sizeof range);
        fprintf(out, "  --%s%s%s\n        %s (%s%s%s; %s)\n", o->key, *type_names[o->type] ? " " : "",
                type_names[o->type], o->help, *range ? range : "", *range ? "; " : "",
                *o->initial ? o->initial : "none", name);
    }
    fprintf(out, "  --help, --version\n");
}

static void print_value(const Option *o, const void *settings, FILE *out) {
    const void *field = (const char *)settings + o->offset;
    char text[40];
    switch (o->type) {
    case OPTION_i64:
        fprintf(out, "%lld", (long long)*(const int64_t *)field);
        break;
    case OPTION_f64:
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, *(const double *)field);
            if (strtod(text, NULL) == *(const double *)field) break;
        }
        fputs(text, out);
        break;
    case OPTION_bool:
        fputs(*(const bool *)field ? "true" : "false", out);
        break;
    default:
        fputs(field, out);
        break;
    }
}

void config_dump(const ConfigTable *table, const void *settings, FILE *out) {
    fprintf(out, "# %s %s\n", table->program, BANDSAW_VERSION);
    char section[OPTION_NAME_BYTES] = "";
    for (int dotted = 0; dotted < 2; dotted++) { /* what has no section comes before the first */
        for (size_t i = 0; i < table->n_options; i++) {
            const Option *o = &table->options[i];
            const char *part = option_last_part(o->key);
            if ((part != o->key) != dotted) continue;
            int n = dotted ? (int)(part - o->key) - 1 : 0;
            if (dotted && (strncmp(section, o->key, (size_t)n) || section[n])) {
                snprintf(section, sizeof section, "%.*s", n, o->key);
                fprintf(out, "\n[%s]\n", section);
            }
            fprintf(out, "%s = ", part);
            print_value(o, settings, out);
            fputc('\n', out);
        }
    }
}

/* "bandsaw edit FILE [options]" -> "bandsaw edit". */
static int title_length(const char *usage) {
    size_t n = strcspn(usage, " "), second = strcspn(usage + n + (usage[n] != 0), " ");
    bool is_verb = usage[n] && second && strspn(usage + n + 1, "abcdefghijklmnopqrstuvwxyz-") == second &&
                   usage[n + 1] != '-';
    return (int)(is_verb ? n + 1 + second : n);
}

void config_markdown(const ConfigTable *table, FILE *out) {
    char name[OPTION_NAME_BYTES], range[256];
    fprintf(out, "## %.*s\n\n%s\n\n", title_length(table->usage), table->usage, table->about);
    fprintf(out, "`%s`\n\n| flag | environment | default | allowed | meaning |\n|---|---|---|---|---|\n",
            table->usage);
    for (size_t i = 0; i < table->n_options; i++) {
        const Option *o = &table->options[i];
        option_environment_name(o->key, name);
        range_text(o, range, sizeof range);
        for (char *bar; (bar = strchr(range, '|'));) *bar = ',';
        fprintf(out, "| `--%s` | `%s` | %s%s%s | %s | %s |\n", o->key, name, *o->initial ? "`" : "",
                o->initial, *o->initial ? "`" : "", o->type == OPTION_bool ? "true, false" : range, o->help);
    }
    fputc('\n', out);
}

Status parse_duration(const char *text, double *seconds) {
    double total = 0;
    const char *at = text;
    int n_parts = 0;
    bool good = true;
    for (;;) {
        char *end;
        size_t n_digits = strspn(at, "0123456789");
        bool last = !strchr(at, ':');
        double part = strtod(at, &end);
        /* Digits, with a fraction in the last part only; what follows a colon is under 60. */
        size_t n_plain =
            n_digits + (last && at[n_digits] == '.' ? 1 + strspn(at + n_digits + 1, "0123456789") : 0);
        good = good && n_digits > 0 && end == at + n_plain && (n_parts == 0 || part < 60) && ++n_parts <= 3;
        if (!good) break;
        total = 60 * total + part;
        at = end;
        if (last) break;
        good = *at++ == ':';
    }
    if (good && n_parts == 1 && *at == 's') at++;
    if (!good || *at || total > 1e6)
        return fail(BS_INVALID, "\"%s\": expected a duration, for example 3:30, 210 or 1:02:03.5", text);
    *seconds = total;
    return BS_OK;
}

/* Optimal string alignment distance: insert, delete, replace, swap neighbours. Texts past 63 bytes are cut.
 */
static int edit_distance(const char *a, const char *b) {
    enum { MAX = 64 };
    int n_a = (int)strnlen(a, MAX - 1), n_b = (int)strnlen(b, MAX - 1);
    int rows[3][MAX];
    for (int j = 0; j <= n_b; j++) rows[0][j] = j;
    for (int i = 1; i <= n_a; i++) {
        int *now = rows[i % 3], *before = rows[(i - 1) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= n_b; j++) {
            int best = before[j - 1] + (a[i - 1] != b[j - 1]);
            if (before[j] + 1 < best) best = before[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && earlier[j - 2] + 1 < best)
                best = earlier[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n_a % 3][n_b];
}

const char *nearest_name(const char *text, const char *const *names, size_t n_names) {
    const char *best = NULL;
    int best_distance = 1 + (int)strnlen(text, 63) / 3;
    for (size_t i = 0; i < n_names; i++) {
        int d = edit_distance(text, names[i]);
        if (d < best_distance || (d == best_distance && !best)) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
