/* Config: walks one table four times: defaults, file, environment, flags.
 *
 * Every value, wherever it comes from, goes through set_option with the name of its source, so ranges and
 * error texts are the same for all of them. */
#include "common/host/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/config_private.h"
#include "common/host/file.h"

enum { MAX_FILE_BYTES = 1 << 20, MAX_LINE_BYTES = 198 /* inih's line buffer holds 200 */ };

const char *option_last_part(const char *key) {
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

void option_environment_name(const char *key, char out[OPTION_NAME_BYTES]) {
    size_t at = (size_t)snprintf(out, OPTION_NAME_BYTES, "BANDSAW_");
    for (; *key && at + 1 < OPTION_NAME_BYTES; key++)
        out[at++] = isalnum((unsigned char)*key) ? (char)toupper((unsigned char)*key) : '_';
    out[at] = 0;
}

/* ---- values */

static bool read_i64(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end != text && !*end && errno == 0) {
        *out = v;
        return true;
    }
    double d = strtod(text, &end); /* 1e6 is an integer too */
    if (end == text || *end || !isfinite(d) || d != floor(d) || fabs(d) > 9007199254740992.0) return false;
    *out = (int64_t)d;
    return true;
}

static bool read_bool(const char *text, bool *out) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strcmp(text, words[i])) {
            *out = i & 1;
            return true;
        }
    }
    return false;
}

/* Is `text` one of "a|b|c"? */
static bool is_choice(const char *choices, const char *text) {
    size_t n = strlen(text);
    for (const char *at = choices;; at++) {
        const char *bar = strchr(at, '|');
        size_t width = bar ? (size_t)(bar - at) : strlen(at);
        if (width == n && !memcmp(at, text, n)) return true;
        if (!bar) return false;
        at = bar;
    }
}

static Status set_option(const Option *o, void *settings, const char *text, const char *source) {
    void *field = (char *)settings + o->offset;
    int64_t i;
    double d;
    char *end;
    switch (o->type) {
    case OPTION_i64:
        if (!read_i64(text, &i))
            return fail(BS_INVALID, "%s = \"%s\" (%s): expected an integer", o->key, text, source);
        if ((double)i < o->min || (double)i > o->max)
            return fail(BS_INVALID, "%s = %s (%s): must be from %.15g to %.15g", o->key, text, source, o->min,
                        o->max);
        *(int64_t *)field = i;
        return BS_OK;
    case OPTION_f64:
        d = strtod(text, &end);
        if (end == text || *end || !isfinite(d))
            return fail(BS_INVALID, "%s = \"%s\" (%s): expected a number", o->key, text, source);
        if (d < o->min || d > o->max)
            return fail(BS_INVALID, "%s = %s (%s): must be from %.15g to %.15g", o->key, text, source, o->min,
                        o->max);
        *(double *)field = d;
        return BS_OK;
    case OPTION_bool:
        if (!read_bool(text, field))
            return fail(BS_INVALID, "%s = \"%s\" (%s): expected true or false", o->key, text, source);
        return BS_OK;
    case OPTION_one_of:
        if (!is_choice(o->choices, text))
            return fail(BS_INVALID, "%s = \"%s\" (%s): expected one of %s", o->key, text, source, o->choices);
        break;
    case OPTION_text:
        break;
    }
    if (strlen(text) >= OPTION_TEXT_BYTES)
        return fail(BS_INVALID, "%s = \"%.60s...\" (%s): longer than %d bytes", o->key, text, source,
                    OPTION_TEXT_BYTES - 1);
    memset(field, 0, OPTION_TEXT_BYTES);
    memcpy(field, text, strlen(text));
    return BS_OK;
}

/* ---- finding options by name; '-' and '_' are the same */

static bool same_name(const char *a, const char *b, size_t n_b) {
    for (size_t i = 0;; i++) {
        char x = a[i] == '-' ? '_' : a[i], y = i < n_b ? (b[i] == '-' ? '_' : b[i]) : 0;
        if (x != y) return false;
        if (!x) return true;
    }
}

static Status fail_unknown(const ConfigTable *table, const char *name, size_t n_name, const char *dashes,
                           const char *source) {
    char text[OPTION_NAME_BYTES];
    snprintf(text, sizeof text, "%.*s", (int)(n_name < 120 ? n_name : 120), name);
    const char *near = NULL;
    const char **names = calloc(2 * table->n_options + 2, sizeof *names);
    if (names) {
        size_t n = 0;
        for (size_t i = 0; i < table->n_options; i++) names[n++] = table->options[i].key;
        if (*dashes)
            for (size_t i = 0; i < table->n_options; i++)
                names[n++] = option_last_part(table->options[i].key);
        if (*dashes) names[n++] = "config";
        if (*dashes) names[n++] = "help";
        near = nearest_name(text, names, n);
    }
    Status st = near ? fail(BS_INVALID, "%s%s (%s): no such option; did you mean %s%s?", dashes, text, source,
                            dashes, near)
                     : fail(BS_INVALID, "%s%s (%s): no such option; %s --help lists them", dashes, text,
                            source, table->program);
    free(names);
    return st;
}

static const Option *find_key(const ConfigTable *table, const char *key) {
    for (size_t i = 0; i < table->n_options; i++)
        if (same_name(table->options[i].key, key, strlen(key))) return &table->options[i];
    return NULL;
}

/* By full key, else by the part after the last dot where only one option has it. */
static Status find_flag(const ConfigTable *table, const char *name, size_t n_name, const Option **out) {
    const Option *by_part = NULL;
    *out = NULL;
    for (size_t i = 0; i < table->n_options; i++) {
        const Option *o = &table->options[i];
        if (same_name(o->key, name, n_name)) {
            *out = o;
            return BS_OK;
        }
    }
    for (size_t i = 0; i < table->n_options; i++) {
        const Option *o = &table->options[i];
        if (!same_name(option_last_part(o->key), name, n_name)) continue;
        if (by_part)
            return fail(BS_INVALID, "--%.*s: is it --%s or --%s?", (int)n_name, name, by_part->key, o->key);
        by_part = o;
    }
    *out = by_part;
    return by_part ? BS_OK : fail_unknown(table, name, n_name, "--", "command line");
}

/* ---- file */

typedef struct FileReading {
    const ConfigTable *table;
    void *settings;
    Status status;
    char error[1024];
} FileReading;

static int on_entry(void *user, const char *section, const char *name, const char *value) {
    FileReading *f = user;
    char key[OPTION_NAME_BYTES];
    if (f->status != BS_OK) return 0;
    snprintf(key, sizeof key, "%s%s%s", section, *section ? "." : "", name);
    const Option *o = find_key(f->table, key);
    f->status =
        o ? set_option(o, f->settings, value, "file") : fail_unknown(f->table, key, strlen(key), "", "file");
    if (f->status != BS_OK) snprintf(f->error, sizeof f->error, "%s", error_text());
    return f->status == BS_OK;
}

/* inih takes indented lines for continuations and splits long ones: neither may happen silently. */
static Status unindent(const char *path, char *text) {
    char *to = text;
    int n_line = 1;
    for (const char *from = text; *from; n_line++) {
        while (*from == ' ' || *from == '\t') from++;
        size_t n = strcspn(from, "\n");
        if (n > MAX_LINE_BYTES)
            return fail(BS_CORRUPT, "%s:%d: line is longer than %d bytes", path, n_line, MAX_LINE_BYTES);
        if (from[n]) n++;
        memmove(to, from, n);
        to += n;
        from += n;
    }
    *to = 0;
    return BS_OK;
}

Status config_read_text(const ConfigTable *table, void *settings, const char *path, char *text) {
    Status st = unindent(path, text);
    if (st != BS_OK) return st;
    FileReading reading = {.table = table, .settings = settings};
    int line = ini_parse_string(text, on_entry, &reading);
    if (reading.status != BS_OK) return fail(reading.status, "%s:%d: %s", path, line, reading.error);
    if (line > 0) return fail(BS_CORRUPT, "%s:%d: expected [section] or key = value", path, line);
    if (line < 0) return fail(BS_NOMEM, "%s: no memory to read it", path);
    return BS_OK;
}

static Status read_file(const ConfigTable *table, void *settings, const char *path) {
    void *bytes;
    size_t n_bytes;
    Status st = file_read(path, MAX_FILE_BYTES, &bytes, &n_bytes);
    if (st == BS_OK && memchr(bytes, 0, n_bytes)) st = fail(BS_CORRUPT, "%s: is no text file", path);
    if (st == BS_OK) st = config_read_text(table, settings, path, bytes);
    free(bytes);
    return st;
}

/* ---- flags */

typedef struct Flag {
    const char *name, *value; /* name without dashes, n_name bytes; value after '=' or NULL */
    size_t n_name;
} Flag;

/* False for what is no flag. -h is --help and -o is --out. */
static bool is_flag(const char *arg, Flag *flag) {
    if (arg[0] != '-' || !arg[1]) return false;
    if (!strcmp(arg, "-h")) arg = "--help";
    if (!strcmp(arg, "-o")) arg = "--out";
    flag->name = arg + (arg[1] == '-' ? 2 : 1);
    flag->n_name = strcspn(flag->name, "=");
    flag->value = flag->name[flag->n_name] ? flag->name + flag->n_name + 1 : NULL;
    return true;
}

static bool flag_is(const Flag *flag, const char *name) { return same_name(name, flag->name, flag->n_name); }

/* The value of a flag that needs one: after '=', else the next argument. */
static Status value_of(const Flag *flag, int argc, char **argv, int *i, const char **value) {
    *value = flag->value ? flag->value : *i + 1 < argc ? argv[++*i] : NULL;
    return *value ? BS_OK : fail(BS_INVALID, "--%.*s: needs a value", (int)flag->n_name, flag->name);
}

/* One walk over the arguments. settings NULL: only --config, --help and the like are looked at. */
typedef struct Arguments {
    const char *config;
    bool help, version, markdown, print;
    const char **positional;
    int max_positional, n_positional;
} Arguments;

static Status walk(const ConfigTable *table, void *settings, int argc, char **argv, Arguments *a) {
    bool only_positional = false;
    a->n_positional = 0;
    for (int i = 1; i < argc; i++) {
        Flag flag;
        const Option *o;
        const char *value;
        Status st;
        if (!only_positional && !strcmp(argv[i], "--")) {
            only_positional = true;
            continue;
        }
        if (only_positional || !is_flag(argv[i], &flag)) {
            if (a->n_positional >= a->max_positional)
                return fail(BS_INVALID, "\"%s\": one argument too many; usage: %s", argv[i], table->usage);
            a->positional[a->n_positional++] = argv[i];
            continue;
        }
        if (flag_is(&flag, "help"))
            a->help = true;
        else if (flag_is(&flag, "version"))
            a->version = true;
        else if (flag_is(&flag, "options-markdown"))
            a->markdown = true;
        else if (flag_is(&flag, "print-config"))
            a->print = true;
        else if (flag_is(&flag, "config")) {
            if ((st = value_of(&flag, argc, argv, &i, &a->config)) != BS_OK) return st;
        } else {
            if ((st = find_flag(table, flag.name, flag.n_name, &o)) != BS_OK) return st;
            if (o->type == OPTION_bool && !flag.value) {
                bool next;
                value = i + 1 < argc && read_bool(argv[i + 1], &next) ? argv[++i] : "true";
            } else if ((st = value_of(&flag, argc, argv, &i, &value)) != BS_OK) {
                return st;
            }
            if (settings && (st = set_option(o, settings, value, "command line")) != BS_OK) return st;
        }
    }
    return BS_OK;
}

Status config_parse(const ConfigTable *table, void *settings, int argc, char **argv, const char **positional,
                    int max_positional, int *n_positional, bool *help) {
    Status st = BS_OK;
    char name[OPTION_NAME_BYTES];
    Arguments a = {.positional = positional, .max_positional = max_positional};
    *n_positional = 0;
    *help = false;
    for (size_t i = 0; i < table->n_options; i++) {
        const Option *o = &table->options[i];
        if (set_option(o, settings, o->initial, "default") != BS_OK) {
            fprintf(stderr, "bandsaw: bug: %s\n", error_text());
            abort();
        }
    }
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) { /* help helps whatever else is wrong */
        Flag flag;
        if (!is_flag(argv[i], &flag) || flag.value) continue;
        if (flag_is(&flag, "help")) a.help = true;
        if (flag_is(&flag, "version")) a.version = true;
        if (flag_is(&flag, "options-markdown")) a.markdown = true;
    }
    if (a.help || a.version || a.markdown) {
        if (a.help)
            config_help(table, stdout);
        else if (a.markdown)
            config_markdown(table, stdout);
        else
            printf("%s %s\n", table->program, BANDSAW_VERSION);
        *help = true;
        return BS_OK;
    }
    TRY(walk(table, NULL, argc, argv, &a));
    if (a.config) TRY(read_file(table, settings, a.config));
    for (size_t i = 0; i < table->n_options; i++) {
        option_environment_name(table->options[i].key, name);
        const char *value = getenv(name);
        if (value) TRY(set_option(&table->options[i], settings, value, name));
    }
    TRY(walk(table, settings, argc, argv, &a));
    *n_positional = a.n_positional;
    if (a.print) {
        config_dump(table, settings, stdout);
        *help = true;
    }
out:
    return st;
}
