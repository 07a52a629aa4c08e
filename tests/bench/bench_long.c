// needs: common/audio simulator
/* A rehearsal of hours, end to end: simulated sessions in one WAV, cut by `bandsaw edit` with the planner as
 * a process of its own, whose time and memory are what is told. First that the song is there and as long as
 * asked. bench_long [-m MINUTES] [-k FILE]     -k: keep the recording there, and take it from there if it
 * exists */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/host/clock.h"
#include "common/host/file.h"
#include "simulator/session.h"

enum { SESSION_S = 600, TARGET_S = 240, SEED = 7100 };

static int stop(const char *what) {
    fprintf(stderr, "bench_long: %s: %s\n", what, error_text());
    return 1;
}

static Status make_recording(const char *path, int minutes) {
    Status st = BS_OK;
    AudioWriter *writer = NULL;
    Session session = {0};
    TRY(audio_create(&writer, path, SESSION_RATE, 2, 16));
    for (int64_t k = 0, left = (int64_t)minutes * 60 * SESSION_RATE; left > 0; k++) {
        TRY(session_make(&session, "long", (uint64_t)(SEED + k), SESSION_S));
        const int64_t n = session.n_samples < left ? session.n_samples : left;
        TRY(audio_write(writer, session.samples, n));
        left -= n;
        session_drop(&session);
        session = (Session){0};
    }
    st = audio_finish(writer);
    writer = NULL;
out:
    session_drop(&session);
    audio_abandon(writer);
    return st;
}

/* Runs `bandsaw edit`, which lies beside this program's folder. */
static int run_edit(const char *raw, const char *song, struct rusage *used) {
    char self[PATH_BYTES], program[PATH_BYTES + 16], target[16];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return -1;
    self[n] = 0;
    for (int k = 0; k < 2; k++) *strrchr(self, '/') = 0;
    snprintf(program, sizeof program, "%s/bin/bandsaw", self);
    snprintf(target, sizeof target, "%d:%02d", TARGET_S / 60, TARGET_S % 60);
    const pid_t child = fork();
    if (child < 0) return -1;
    if (!child) {
        execl(program, program, "edit", raw, "-o", song, "--target", target, "--baseline", "retarget",
              "--quiet", (char *)NULL);
        _exit(127);
    }
    int status;
    if (wait4(child, &status, 0, used) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static double seconds(struct timeval t) { return (double)t.tv_sec + 1e-6 * (double)t.tv_usec; }

int main(int argc, char **argv) {
    char folder[] = "/tmp/bandsaw-bench-long-XXXXXX", own[PATH_BYTES], song[PATH_BYTES];
    const char *kept = NULL;
    int minutes = 120;
    for (int c; (c = getopt(argc, argv, "m:k:")) != -1;) {
        if (c == 'm') minutes = atoi(optarg);
        if (c == 'k') kept = optarg;
        if (c == '?' || minutes < 1) return 2;
    }
    if (!mkdtemp(folder) || path_join(own, folder, "raw.wav") || path_join(song, folder, "song.flac"))
        return stop("folder");
    const char *raw = kept ? kept : own;
    if (!(kept && file_exists(kept)) && make_recording(raw, minutes)) return stop("recording");

    struct rusage used;
    const double began_s = clock_s();
    const int status = run_edit(raw, song, &used);
    const double wall_s = clock_s() - began_s;
    AudioReader *reader;
    const char *path = song;
    if (status || audio_open(&reader, &path, 1)) {
        fprintf(stderr, "bench_long: bandsaw edit ended with %d\n", status);
        dir_remove(folder);
        return 1;
    }
    const AudioInfo info = audio_info(reader);
    audio_close(reader);
    const double song_s = (double)info.n_samples / info.sample_rate_hz;
    if (fabs(song_s - TARGET_S) > 0.03 * TARGET_S) {
        fprintf(stderr, "bench_long: wrong: a song of %.1f s where %d were asked\n", song_s, TARGET_S);
        return 1;
    }
    printf("long_recording %d min\n", minutes);
    printf("long_song %.1f s\n", song_s);
    printf("long_edit_wall %.1f s\n", wall_s);
    printf("long_edit_cpu %.1f s\n", seconds(used.ru_utime) + seconds(used.ru_stime));
    printf("long_edit_peak_memory %.0f MB\n", (double)used.ru_maxrss / 1024);
    return dir_remove(folder) == BS_OK ? 0 : stop("clean up");
}
