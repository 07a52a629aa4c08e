/* bandsaw._env: the environment for Python. Songs hold what was heard of recordings, Vec steps many episodes
 * at once and writes into arrays of the caller's through the buffer protocol; nothing of the rules is here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>

#include "common/env/env_vec.h"

static PyObject *raise_status(Status st) {
    PyObject *kind = status_class(st) == STATUS_MACHINE ? PyExc_MemoryError : PyExc_ValueError;
    PyErr_SetString(kind, error_text());
    return NULL;
}

/* Puts a new reference into a new list or tuple; on a failure of either, both are gone. */
static PyObject *put(PyObject *list, Py_ssize_t k, PyObject *item) {
    if (list && item) {
        if (PyTuple_Check(list))
            PyTuple_SET_ITEM(list, k, item);
        else
            PyList_SET_ITEM(list, k, item);
        return list;
    }
    Py_XDECREF(item);
    Py_XDECREF(list);
    return NULL;
}

/* ---- Songs --------------------------------------------------------------------------------------- */

typedef struct PySongs {
    PyObject_HEAD Py_ssize_t n;
    Song **songs;
    EnvSong **tables;
} PySongs;

static void songs_dealloc(PyObject *o) {
    PySongs *self = (PySongs *)o;
    for (Py_ssize_t i = 0; i < self->n; i++) {
        env_song_free(self->tables[i]);
        song_free(self->songs[i]);
    }
    PyMem_Free(self->songs);
    PyMem_Free(self->tables);
    PyTypeObject *type = Py_TYPE(o);
    type->tp_free(o);
    Py_DECREF(type);
}

static int songs_init(PyObject *o, PyObject *args, PyObject *kwargs) {
    PySongs *self = (PySongs *)o;
    static char *names[] = {"blobs", NULL};
    PyObject *blobs, *list;
    if (self->songs) {
        PyErr_SetString(PyExc_TypeError, "Songs are made once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Songs", names, &blobs)) return -1;
    if (!(list = PySequence_Fast(blobs, "blobs: a sequence of bytes is needed"))) return -1;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(list);
    self->songs = PyMem_Calloc((size_t)n + 1, sizeof(Song *));
    self->tables = PyMem_Calloc((size_t)n + 1, sizeof(EnvSong *));
    if (!self->songs || !self->tables) PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < n && !PyErr_Occurred(); i++) {
        char *bytes;
        Py_ssize_t n_bytes;
        if (PyBytes_AsStringAndSize(PySequence_Fast_GET_ITEM(list, i), &bytes, &n_bytes) < 0) break;
        Status st = song_unpack(&self->songs[i], bytes, (size_t)n_bytes);
        if (st == BS_OK && (st = env_song_new(&self->tables[i], self->songs[i])) != BS_OK)
            song_free(self->songs[i]);
        if (st != BS_OK)
            raise_status(st);
        else
            self->n = i + 1;
    }
    Py_DECREF(list);
    return PyErr_Occurred() ? -1 : 0;
}

static Py_ssize_t songs_length(PyObject *o) { return ((PySongs *)o)->n; }

static const Song *songs_at(PyObject *o, PyObject *index) {
    Py_ssize_t i = PyNumber_AsSsize_t(index, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred()) return NULL;
    if (i < 0 || i >= ((PySongs *)o)->n) {
        PyErr_Format(PyExc_IndexError, "song %zd of %zd", i, ((PySongs *)o)->n);
        return NULL;
    }
    return ((PySongs *)o)->songs[i];
}

static PyObject *songs_describe(PyObject *o, PyObject *index) {
    const Song *s = songs_at(o, index);
    if (!s) return NULL;
    char hash[HASH_HEX];
    hash_hex(&s->hash, hash);
    PyObject *pcm = PyTuple_New(s->n_sources);
    for (int32_t i = 0; pcm && i < s->n_sources; i++) {
        char hex[HASH_HEX];
        hash_hex(&s->sources[i].pcm, hex);
        pcm = put(pcm, i, PyUnicode_FromString(hex));
    }
    return !pcm ? NULL
                : Py_BuildValue("{s:s,s:s,s:N,s:I,s:i,s:L,s:d,s:i,s:i,s:i}", "name", s->sources[0].name,
                                "hash", hash, "pcm", pcm, "featurizer_version",
                                (unsigned)s->featurizer_version, "sample_rate_hz", (int)s->sample_rate_hz,
                                "n_samples", (long long)s->n_samples, "seconds",
                                (double)s->n_samples / s->sample_rate_hz, "n_units", (int)s->n_units,
                                "n_takes", (int)s->n_takes, "n_tunes", (int)s->n_tunes);
}

static PyObject *songs_features(PyObject *o, PyObject *index) {
    const Song *s = songs_at(o, index);
    if (!s) return NULL;
    return PyBytes_FromStringAndSize((const char *)s->features,
                                     (Py_ssize_t)sizeof(float) * SONG_FEATURES * s->n_units);
}

static PyObject *songs_units(PyObject *o, PyObject *index) {
    const Song *s = songs_at(o, index);
    if (!s) return NULL;
    return PyBytes_FromStringAndSize((const char *)s->units, (Py_ssize_t)sizeof(SongUnit) * s->n_units);
}

static PyObject *songs_tunes_of_takes(PyObject *o, PyObject *index) {
    const Song *s = songs_at(o, index);
    PyObject *list = s ? PyList_New(s->n_takes) : NULL;
    for (int32_t k = 0; list && k < s->n_takes; k++) list = put(list, k, PyLong_FromLong(s->takes[k].tune));
    return list;
}

static PyMethodDef songs_methods[] = {
    {"describe", songs_describe, METH_O, "describe(i): what is known of a recording, as a dict"},
    {"features", songs_features, METH_O, "features(i): float32, units x UNIT_FEATURES, as bytes"},
    {"tunes_of_takes", songs_tunes_of_takes, METH_O, "tunes_of_takes(i): the tune that each take plays"},
    {"units", songs_units, METH_O, "units(i): UNIT_FIELDS of each unit, as bytes"},
    {NULL, NULL, 0, NULL}};
static PyType_Slot songs_slots[] = {{Py_tp_doc, "Songs(blobs): recordings as the featurizer heard them"},
                                    {Py_tp_new, PyType_GenericNew},
                                    {Py_tp_init, songs_init},
                                    {Py_tp_dealloc, songs_dealloc},
                                    {Py_tp_methods, songs_methods},
                                    {Py_sq_length, songs_length},
                                    {0, NULL}};
static PyType_Spec songs_spec = {"bandsaw._env.Songs", sizeof(PySongs), 0, Py_TPFLAGS_DEFAULT, songs_slots};

/* ---- what is asked of episodes ------------------------------------------------------------------- */

static double number(PyObject *o, const char *key) {
    double x = PyFloat_AsDouble(o);
    if (x == -1 && PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "%s: a number is needed, not %R", key, o);
    return x;
}

/* `max` numbers at most, from a sequence; returns how many, -1 with an exception. */
static Py_ssize_t numbers(PyObject *o, const char *key, double *out, Py_ssize_t max) {
    PyObject *list = PySequence_Fast(o, key);
    if (!list) return -1;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(list);
    if (n > max) PyErr_Format(PyExc_ValueError, "%s: %zd numbers, at most %zd are possible", key, n, max);
    for (Py_ssize_t i = 0; i < n && !PyErr_Occurred(); i++)
        out[i] = number(PySequence_Fast_GET_ITEM(list, i), key);
    Py_DECREF(list);
    return PyErr_Occurred() ? -1 : n;
}

static void ask_ranges(PyObject *o, const char *key, double out[JOB_MAX_RANGES][2], int32_t *n_out) {
    PyObject *list = PySequence_Fast(o, key);
    if (!list) return;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(list);
    if (n > JOB_MAX_RANGES)
        PyErr_Format(PyExc_ValueError, "%s: %zd ranges, at most %d are possible", key, n, JOB_MAX_RANGES);
    for (Py_ssize_t i = 0; i < n && !PyErr_Occurred(); i++)
        if (numbers(PySequence_Fast_GET_ITEM(list, i), key, out[i], 2) != 2 && !PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "%s: ranges are pairs of seconds", key);
    *n_out = (int32_t)n;
    Py_DECREF(list);
}

static void ask_index(PyObject *o, const char *key, int32_t *out) {
    long x = o == Py_None ? -1 : PyLong_AsLong(o);
    if (!PyErr_Occurred() && (x < -1 || x > INT32_MAX || (x == -1 && o != Py_None)))
        PyErr_Format(PyExc_ValueError, "%s: %ld is not possible", key, x);
    *out = (int32_t)x;
}

static void ask_keep(PyObject *o, EnvAsk *ask) {
    double keep[2];
    if (PyNumber_Check(o)) {
        ask->keep_lo = ask->keep_hi = number(o, "keep");
        return;
    }
    Py_ssize_t n = numbers(o, "keep", keep, 2);
    if (n < 0) return;
    if (n != 2 || !(keep[0] <= keep[1]))
        PyErr_SetString(PyExc_ValueError, "keep: a share of the recording, or the least and the most of it");
    ask->keep_lo = keep[0];
    ask->keep_hi = keep[1];
}

static void ask_weights(PyObject *o, EnvAsk *ask) {
    double weights[REWARD_TERMS];
    Py_ssize_t n = numbers(o, "weights", weights, REWARD_TERMS);
    if (n >= 0 && n != REWARD_TERMS)
        PyErr_Format(PyExc_ValueError, "weights: %d are needed, not %zd", REWARD_TERMS, n);
    for (Py_ssize_t k = 0; k < n; k++) ask->weights[k] = (float)weights[k];
}

static bool ask_one(EnvAsk *ask, PyObject *key_object, PyObject *o) {
    const char *key = PyUnicode_AsUTF8(key_object);
    if (!key) return false;
    bool none = o == Py_None;
    if (!strcmp(key, "song"))
        ask_index(o, key, &ask->song);
    else if (!strcmp(key, "tune"))
        ask_index(o, key, &ask->tune);
    else if (!strcmp(key, "keep"))
        none ? (void)0 : ask_keep(o, ask);
    else if (!strcmp(key, "target_s"))
        ask->target_s = none ? 0 : number(o, key);
    else if (!strcmp(key, "tolerance_s"))
        ask->tolerance_s = number(o, key);
    else if (!strcmp(key, "weights"))
        none ? (void)0 : ask_weights(o, ask);
    else if (!strcmp(key, "no_loop"))
        ask->no_loop = PyObject_IsTrue(o) == 1;
    else if (!strcmp(key, "no_reorder"))
        ask->no_reorder = PyObject_IsTrue(o) == 1;
    else if (!strcmp(key, "must"))
        ask_ranges(o, key, ask->must_s, &ask->n_must);
    else if (!strcmp(key, "never"))
        ask_ranges(o, key, ask->never_s, &ask->n_never);
    else if (!strcmp(key, "start_s"))
        ask->start_s = none ? -1 : number(o, key);
    else if (!strcmp(key, "end_s"))
        ask->end_s = none ? -1 : number(o, key);
    else
        PyErr_Format(
            PyExc_TypeError,
            "nothing named %R can be asked: song, tune, keep, target_s, tolerance_s, weights, no_loop, "
            "no_reorder, must, never, start_s, end_s",
            key_object);
    return !PyErr_Occurred();
}

static bool ask_from(EnvAsk *ask, PyObject *dict) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    env_ask_init(ask);
    while (PyDict_Next(dict, &at, &key, &value))
        if (!ask_one(ask, key, value)) return false;
    return true;
}

/* ---- Vec ----------------------------------------------------------------------------------------- */

typedef struct PyVec {
    PyObject_HEAD PyObject *songs;
    EnvVec *vec;
    int32_t n;
    bool busy; /* a step runs without the interpreter's lock */
} PyVec;

/* Other threads may come in meanwhile, and objects made by __new__ alone. */
static bool vec_ready(const PyVec *self) {
    if (self->vec && !self->busy) return true;
    PyErr_SetString(PyExc_RuntimeError,
                    self->vec ? "another thread steps these environments" : "make it by Vec(songs, n)");
    return false;
}

static void vec_dealloc(PyObject *o) {
    PyVec *self = (PyVec *)o;
    env_vec_free(self->vec);
    Py_XDECREF(self->songs);
    PyTypeObject *type = Py_TYPE(o);
    type->tp_free(o);
    Py_DECREF(type);
}

static PyObject *songs_type;

static int vec_init(PyObject *o, PyObject *args, PyObject *kwargs) {
    PyVec *self = (PyVec *)o;
    static char *names[] = {"songs", "n", NULL};
    PyObject *songs;
    int n = 1;
    if (self->vec) {
        PyErr_SetString(PyExc_TypeError, "a Vec is made once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|i:Vec", names, songs_type, &songs, &n)) return -1;
    Status st = env_vec_new(&self->vec, ((PySongs *)songs)->tables, (int32_t)((PySongs *)songs)->n, n);
    if (st != BS_OK) {
        raise_status(st);
        return -1;
    }
    Py_INCREF(songs);
    self->songs = songs;
    self->n = n;
    return 0;
}

/* A writable array of exactly n_bytes. */
static bool array_of(PyObject *o, Py_buffer *view, size_t n_bytes, const char *what, bool writable) {
    if (PyObject_GetBuffer(o, view, PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0)) < 0) return false;
    if ((size_t)view->len == n_bytes) return true;
    PyErr_Format(PyExc_ValueError, "%s: %zd bytes, %zu are needed", what, view->len, n_bytes);
    PyBuffer_Release(view);
    return false;
}

static PyObject *vec_reset(PyObject *o, PyObject *args) {
    PyVec *self = (PyVec *)o;
    PyObject *ask_dict, *rows_object;
    int i;
    unsigned long long seed;
    EnvAsk ask;
    Py_buffer rows;
    if (!vec_ready(self)) return NULL;
    if (!PyArg_ParseTuple(args, "iKO!O:reset", &i, &seed, &PyDict_Type, &ask_dict, &rows_object)) return NULL;
    if (!ask_from(&ask, ask_dict) || !vec_ready(self)) return NULL; /* numbers may be objects that run code */
    if (i < 0 || i >= self->n) return PyErr_Format(PyExc_IndexError, "environment %d of %d", i, self->n);
    if (!array_of(rows_object, &rows, sizeof(EnvRow) * (size_t)self->n, "rows", true)) return NULL;
    Status st = env_vec_reset(self->vec, i, seed, &ask, (EnvRow *)rows.buf + i);
    PyBuffer_Release(&rows);
    if (st != BS_OK) return raise_status(st);
    Py_RETURN_NONE;
}

static PyObject *vec_step(PyObject *o, PyObject *args) {
    PyVec *self = (PyVec *)o;
    enum { ARRAYS = 6 };
    static const char *const names[ARRAYS] = {"actions", "rows", "rewards", "done", "refused", "ends"};
    const size_t each[ARRAYS] = {sizeof(int64_t), sizeof(EnvRow), sizeof(double), 1, 1, sizeof(EnvEnd)};
    PyObject *objects[ARRAYS];
    Py_buffer views[ARRAYS];
    int go_on, n = 0;
    if (!vec_ready(self)) return NULL;
    if (!PyArg_ParseTuple(args, "OpOOOOO:step", &objects[0], &go_on, &objects[1], &objects[2], &objects[3],
                          &objects[4], &objects[5]))
        return NULL;
    while (n < ARRAYS && array_of(objects[n], &views[n], each[n] * (size_t)self->n, names[n], n > 0)) n++;
    Status st = BS_OK;
    if (n == ARRAYS && !vec_ready(self)) {
        while (n) PyBuffer_Release(&views[--n]);
    } else if (n == ARRAYS) {
        self->busy = true;
        Py_BEGIN_ALLOW_THREADS st = env_vec_step(self->vec, views[0].buf, go_on, views[1].buf, views[2].buf,
                                                 views[3].buf, views[4].buf, views[5].buf);
        Py_END_ALLOW_THREADS self->busy = false;
    }
    for (int k = 0; k < n; k++) PyBuffer_Release(&views[k]);
    if (n < ARRAYS) return NULL;
    if (st != BS_OK) return raise_status(st);
    Py_RETURN_NONE;
}

static const Env *vec_at(PyVec *self, PyObject *index, int32_t *i) {
    long x = PyLong_AsLong(index);
    if ((x == -1 && PyErr_Occurred()) || !vec_ready(self)) return NULL;
    if (x < 0 || x >= self->n) {
        PyErr_Format(PyExc_IndexError, "environment %ld of %d", x, self->n);
        return NULL;
    }
    *i = (int32_t)x;
    const Env *env = env_vec_env(self->vec, *i);
    if (!env) PyErr_SetString(PyExc_ValueError, "reset the environment first");
    return env;
}

static PyObject *vec_edit(PyObject *o, PyObject *index) {
    int32_t i;
    const Env *env = vec_at((PyVec *)o, index, &i);
    if (!env) return NULL;
    Edit edit;
    Status st = env_edit(env, &edit);
    if (st != BS_OK) return raise_status(st);
    PyObject *list = PyList_New(edit.n_segments);
    for (int32_t k = 0; list && k < edit.n_segments; k++) {
        const EditSegment *s = &edit.segments[k];
        list = put(list, k,
                   Py_BuildValue("LLd", (long long)s->start_sample, (long long)s->end_sample,
                                 fade_beats((Fade)s->fade)));
    }
    edit_drop(&edit);
    return list;
}

static PyObject *vec_job(PyObject *o, PyObject *index) {
    int32_t i;
    if (!vec_at((PyVec *)o, index, &i)) return NULL;
    const Job *job = env_vec_job(((PyVec *)o)->vec, i);
    int32_t song = env_vec_song(((PyVec *)o)->vec, i);
    double rate = ((PySongs *)((PyVec *)o)->songs)->songs[song]->sample_rate_hz;
    return Py_BuildValue("{s:i,s:i,s:d,s:d}", "song", (int)song, "tune", (int)job->tune, "lo_s",
                         (double)job->lo_samples / rate, "hi_s", (double)job->hi_samples / rate);
}

static PyMethodDef vec_methods[] = {
    {"reset", vec_reset, METH_VARARGS,
     "reset(i, seed, ask, rows): begins environment i's stream of episodes"},
    {"step", vec_step, METH_VARARGS,
     "step(actions, go_on, rows, rewards, done, refused, ends): one step everywhere, into these arrays"},
    {"edit", vec_edit, METH_O, "edit(i): [(first sample, end sample, beats of fade), ...] so far"},
    {"job", vec_job, METH_O, "job(i): song, tune and window in seconds"},
    {NULL, NULL, 0, NULL}};
static PyType_Slot vec_slots[] = {{Py_tp_doc, "Vec(songs, n=1): n environments"},
                                  {Py_tp_new, PyType_GenericNew},
                                  {Py_tp_init, vec_init},
                                  {Py_tp_dealloc, vec_dealloc},
                                  {Py_tp_methods, vec_methods},
                                  {0, NULL}};
static PyType_Spec vec_spec = {"bandsaw._env.Vec", sizeof(PyVec), 0, Py_TPFLAGS_DEFAULT, vec_slots};

/* ---- the layout of rows, for numpy.dtype --------------------------------------------------------- */

typedef struct Field {
    const char *name, *format;
    size_t offset;
    int rows, columns; /* 0: one value; columns 0: a vector */
} Field;

static const Field row_fields[] = {
    {"playhead", "i4", offsetof(EnvRow, obs.playhead), 0, 0},
    {"last_kept", "i4", offsetof(EnvRow, obs.last_kept), 0, 0},
    {"target", "i4", offsetof(EnvRow, obs.target), ENV_TARGETS, 0},
    {"pair", "i4", offsetof(EnvRow, obs.pair), ENV_PAIRS, 2},
    {"step", "f4", offsetof(EnvRow, obs.step), ENV_STEP_FEATURES, 0},
    {"target_features", "f4", offsetof(EnvRow, obs.target_features), ENV_TARGETS, ENV_TARGET_FEATURES},
    {"pair_features", "f4", offsetof(EnvRow, obs.pair_features), ENV_PAIRS, ENV_PAIR_FEATURES},
    {"mask", "u1", offsetof(EnvRow, obs.mask), ENV_ACTIONS, 0},
    {"last_action", "i4", offsetof(EnvRow, obs.last_action), 0, 0},
    {"n_legal", "i4", offsetof(EnvRow, obs.n_legal), 0, 0},
    {"here", "f4", offsetof(EnvRow, here), SONG_FEATURES, 0},
    {"last", "f4", offsetof(EnvRow, last), SONG_FEATURES, 0},
};
static const Field end_fields[] = {
    {"length_s", "f8", offsetof(EnvEnd, length_s), 0, 0},
    {"reward", "f8", offsetof(EnvEnd, reward), 0, 0},
    {"terms", "f4", offsetof(EnvEnd, terms), REWARD_TERMS, 0},
    {"n_steps", "i4", offsetof(EnvEnd, n_steps), 0, 0},
    {"song", "i4", offsetof(EnvEnd, song), 0, 0},
    {"tune", "i4", offsetof(EnvEnd, tune), 0, 0},
};

static const Field unit_fields[] = {
    {"start_sample", "i8", offsetof(SongUnit, start_sample), 0, 0},
    {"kind", "u1", offsetof(SongUnit, kind), 0, 0},
    {"phase", "u1", offsetof(SongUnit, phase), 0, 0},
    {"take", "i2", offsetof(SongUnit, take), 0, 0},
    {"bar", "i4", offsetof(SongUnit, bar), 0, 0},
    {"phrase", "i4", offsetof(SongUnit, phrase), 0, 0},
    {"section", "i4", offsetof(SongUnit, section), 0, 0},
    {"slot", "i4", offsetof(SongUnit, slot), 0, 0},
    {"loudness_db", "f4", offsetof(SongUnit, loudness_db), 0, 0},
    {"tempo_bpm", "f4", offsetof(SongUnit, tempo_bpm), 0, 0},
    {"flaw", "f4", offsetof(SongUnit, flaw), 0, 0},
    {"music", "f4", offsetof(SongUnit, music), 0, 0},
    {"vocal", "f4", offsetof(SongUnit, vocal), 0, 0},
    {"stem_db", "f4", offsetof(SongUnit, stem_db), STEMS, 0},
};

static PyObject *fields_list(const Field *fields, size_t n) {
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t k = 0; list && k < n; k++) {
        const Field *f = &fields[k];
        PyObject *shape = f->columns ? Py_BuildValue("(ii)", f->rows, f->columns)
                          : f->rows  ? Py_BuildValue("(i)", f->rows)
                                     : PyTuple_New(0);
        list =
            put(list, (Py_ssize_t)k, Py_BuildValue("ssnN", f->name, f->format, (Py_ssize_t)f->offset, shape));
    }
    return list;
}

typedef struct Column {
    const char *name, *text;
    int width;
} Column;
static const Column step_columns[] = {
#define OBS_STEP(name, width, text) {#name, text, width},
#include "common/env/obs.def"
#undef OBS_STEP
};
static const Column target_columns[] = {
#define OBS_TARGET(name, text) {#name, text, 1},
#include "common/env/obs.def"
#undef OBS_TARGET
};
static const Column pair_columns[] = {
#define OBS_PAIR(name, text) {#name, text, 1},
#include "common/env/obs.def"
#undef OBS_PAIR
};
static const Column unit_columns[] = {
#define FEATURE(name, width, text) {#name, text, width},
#include "common/song/features.def"
#undef FEATURE
};

static PyObject *columns_list(const Column *columns, size_t n) {
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t k = 0; list && k < n; k++)
        list = put(list, (Py_ssize_t)k,
                   Py_BuildValue("sis", columns[k].name, columns[k].width, columns[k].text));
    return list;
}

static PyObject *terms_tuple(void) {
    PyObject *t = PyTuple_New(REWARD_TERMS);
    for (int k = 0; t && k < REWARD_TERMS; k++) t = put(t, k, PyUnicode_FromString(reward_names[k]));
    return t;
}

static PyObject *action_text(PyObject *self, PyObject *arg) {
    (void)self;
    char text[64];
    long a = PyLong_AsLong(arg);
    if (a == -1 && PyErr_Occurred()) return NULL;
    return PyUnicode_FromString(env_action_text(a < 0 || a > ENV_ACTIONS ? -1 : (int)a, text, sizeof text));
}

static PyMethodDef functions[] = {
    {"action_text", action_text, METH_O, "action_text(a): an action in words, as \"KEEP bar\""},
    {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT,
                                    "bandsaw._env",
                                    "The editing environment in C.",
                                    -1,
                                    functions,
                                    NULL,
                                    NULL,
                                    NULL,
                                    NULL};

#define LENGTH(a) (sizeof(a) / sizeof(a)[0])

PyMODINIT_FUNC PyInit__env(void) {
    PyObject *m = PyModule_Create(&module);
    if (!m) return NULL;
    songs_type = PyType_FromSpec(&songs_spec);
    bool ok =
        PyModule_AddObject(m, "Songs", Py_XNewRef(songs_type)) == 0 &&
        PyModule_AddObject(m, "Vec", PyType_FromSpec(&vec_spec)) == 0 &&
        PyModule_AddIntConstant(m, "ACTIONS", ENV_ACTIONS) == 0 &&
        PyModule_AddIntConstant(m, "VERSION", ENV_VERSION) == 0 &&
        PyModule_AddIntConstant(m, "UNIT_FEATURES", SONG_FEATURES) == 0 &&
        PyModule_AddIntConstant(m, "ROW_BYTES", (long)sizeof(EnvRow)) == 0 &&
        PyModule_AddIntConstant(m, "END_BYTES", (long)sizeof(EnvEnd)) == 0 &&
        PyModule_AddObject(m, "ROW_FIELDS", fields_list(row_fields, LENGTH(row_fields))) == 0 &&
        PyModule_AddObject(m, "END_FIELDS", fields_list(end_fields, LENGTH(end_fields))) == 0 &&
        PyModule_AddIntConstant(m, "UNIT_BYTES", (long)sizeof(SongUnit)) == 0 &&
        PyModule_AddObject(m, "UNIT_FIELDS", fields_list(unit_fields, LENGTH(unit_fields))) == 0 &&
        PyModule_AddObject(m, "STEP_COLUMNS", columns_list(step_columns, LENGTH(step_columns))) == 0 &&
        PyModule_AddObject(m, "TARGET_COLUMNS", columns_list(target_columns, LENGTH(target_columns))) == 0 &&
        PyModule_AddObject(m, "PAIR_COLUMNS", columns_list(pair_columns, LENGTH(pair_columns))) == 0 &&
        PyModule_AddObject(m, "UNIT_COLUMNS", columns_list(unit_columns, LENGTH(unit_columns))) == 0 &&
        PyModule_AddObject(m, "REWARD_TERMS", terms_tuple()) == 0;
    if (ok) return m;
    Py_DECREF(m);
    return NULL;
}
