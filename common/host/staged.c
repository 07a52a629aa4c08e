/* Files that appear together: link what has no name yet, keep what was there under another name, rename. */
#include "common/host/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_OPEN = 128 }; /* of files without a name; more get a temporary one, so that descriptors suffice */

static const char *why(int error) { return error == EFBIG ? "File size limit reached" : strerror(error); }

static Status fail_to_write(const char *path, int error) {
    return fail(BS_IO, "%s: writing failed: %s; nothing was kept", path, why(error));
}

/* ---- one file */

Status staged_file_open(StagedFile *f, const char *path) {
    char folder[PATH_BYTES];
    struct stat there;
    *f = (StagedFile){.fd = -1};
    if (!stat(path, &there) && S_ISDIR(there.st_mode)) return fail(BS_INVALID, "%s: is a folder", path);
    const char *base = path_base(path);
    path_folder(folder, path);
    f->path = strdup(path);
    if (!f->path ||
        asprintf(&f->temporary, "%.*s.%s.%ld.part", (int)(base - path), path, base, (long)getpid()) < 0)
        f->temporary = NULL;
    if (!f->temporary || asprintf(&f->old, "%s.old", f->temporary) < 0) f->old = NULL;
    if (!f->old) {
        staged_file_drop(f);
        return fail(BS_NOMEM, "%s: out of memory", path);
    }
    f->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    f->named = f->fd < 0;
    if (f->named) f->fd = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd < 0 && errno == EEXIST && !unlink(f->temporary)) /* left by a dead process of this number */
        f->fd = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd >= 0) return BS_OK;
    const int error = errno;
    f->named = false;
    staged_file_drop(f);
    return fail(BS_IO, "%s: cannot be written: %s", path, strerror(error));
}

void staged_file_drop(StagedFile *f) {
    if (f->fd >= 0) close(f->fd);
    if (f->named) unlink(f->temporary);
    free(f->path);
    free(f->temporary);
    free(f->old);
    *f = (StagedFile){.fd = -1};
}

/* From no name to the temporary one. */
static Status give_temporary(StagedFile *f) {
    char self[64];
    if (f->named) return BS_OK;
    snprintf(self, sizeof self, "/proc/self/fd/%d", f->fd);
    if (linkat(AT_FDCWD, self, AT_FDCWD, f->temporary, AT_SYMLINK_FOLLOW) &&
        (errno != EEXIST || unlink(f->temporary) ||
         linkat(AT_FDCWD, self, AT_FDCWD, f->temporary, AT_SYMLINK_FOLLOW)))
        return fail_to_write(f->path, errno);
    f->named = true;
    close(f->fd);
    f->fd = -1;
    return BS_OK;
}

/* What is there is called `old` from now on: linked, so that its name never goes; renamed where the file
 * system knows no links. */
static Status keep_old(const StagedFile *f) {
    struct stat there;
    if (lstat(f->path, &there)) return errno == ENOENT ? BS_OK : fail_to_write(f->path, errno);
    if (S_ISDIR(there.st_mode)) return fail(BS_INVALID, "%s: is a folder; nothing was kept", f->path);
    unlink(f->old);
    return link(f->path, f->old) && rename(f->path, f->old) ? fail_to_write(f->path, errno) : BS_OK;
}

static Status place(StagedFile *f) {
    Status st = keep_old(f);
    if (st != BS_OK) return st;
    f->placed = true;
    if (rename(f->temporary, f->path)) return fail_to_write(f->path, errno);
    f->named = false;
    return BS_OK;
}

/* Two names of one file are no rename: hence the unlink. */
static void put_back(StagedFile *f) {
    if (!f->placed) return;
    if (!f->named && !file_exists(f->old)) unlink(f->path);
    if (file_exists(f->old)) rename(f->old, f->path);
    unlink(f->old);
    f->placed = false;
}

/* ---- all */

Status staged_add(Staged *s, StagedFile *f) {
    Status st = BS_OK;
    if (s->n == s->room) {
        const int32_t room = s->room ? 2 * s->room : 16;
        StagedFile *more = realloc(s->files, sizeof *more * (size_t)room);
        if (!more) TRY(fail(BS_NOMEM, "%s: out of memory", f->path));
        s->files = more;
        s->room = room;
    }
    if (fsync(f->fd)) TRY(fail_to_write(f->path, errno));
    if (s->n >= MAX_OPEN) TRY(give_temporary(f));
    s->files[s->n++] = *f;
    *f = (StagedFile){.fd = -1};
out:
    staged_file_drop(f);
    return st;
}

Status staged_bytes(Staged *s, const char *path, const void *bytes, size_t n_bytes) {
    StagedFile f;
    Status st = staged_file_open(&f, path);
    if (st != BS_OK) return st;
    for (const char *at = bytes; n_bytes;) {
        const ssize_t n = write(f.fd, at, n_bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            st = fail_to_write(path, n < 0 ? errno : ENOSPC);
            staged_file_drop(&f);
            return st;
        }
        at += n;
        n_bytes -= (size_t)n;
    }
    return staged_add(s, &f);
}

Status staged_folder(Staged *s, const char *path) {
    if (file_exists(path)) return dir_make(path, 0777); /* says where it is no folder */
    if (s->n_folders == s->folders_room) {
        const int32_t room = s->folders_room ? 2 * s->folders_room : 4;
        char **more = realloc(s->folders, sizeof *more * (size_t)room);
        if (!more) return fail(BS_NOMEM, "%s: out of memory", path);
        s->folders = more;
        s->folders_room = room;
    }
    char *name = strdup(path);
    Status st = name ? dir_make(path, 0777) : fail(BS_NOMEM, "%s: out of memory", path);
    if (st == BS_OK)
        s->folders[s->n_folders++] = name;
    else
        free(name);
    return st;
}

static Status place_all(Staged *s) {
    Status st = BS_OK;
    char folder[PATH_BYTES];
    for (int32_t i = 0; i < s->n; i++) TRY(give_temporary(&s->files[i]));
    for (int32_t i = 0; i < s->n; i++) TRY(place(&s->files[i]));
    for (int32_t i = 0; i < s->n; i++) {
        path_folder(folder, s->files[i].path);
        TRY(dir_sync(folder));
    }
out:
    return st;
}

Status staged_commit(Staged *s) {
    Status st = place_all(s);
    for (int32_t i = s->n - 1; i >= 0 && st != BS_OK; i--) put_back(&s->files[i]);
    for (int32_t i = 0; i < s->n && st == BS_OK; i++) unlink(s->files[i].old);
    for (int32_t i = 0; i < s->n_folders && st == BS_OK; i++) free(s->folders[i]);
    if (st == BS_OK) s->n_folders = 0;
    staged_drop(s);
    return st;
}

void staged_drop(Staged *s) {
    for (int32_t i = 0; i < s->n; i++) staged_file_drop(&s->files[i]);
    for (int32_t i = s->n_folders - 1; i >= 0; i--) {
        rmdir(s->folders[i]);
        free(s->folders[i]);
    }
    free(s->files);
    free(s->folders);
    *s = (Staged){0};
}
