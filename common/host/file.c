/* Files: whole or untouched.
 *
 * file_replace is the one way a file that others read comes to be: temporary name in the same folder,
 * write, fsync, rename, fsync of the folder. After a crash the name holds the old bytes or the new ones. */
#include "common/host/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static Status fail_errno(const char *path, const char *doing) {
    int e = errno;
    return fail(e == ENOENT   ? BS_NOT_FOUND
                : e == ENOMEM ? BS_NOMEM
                              : BS_IO,
                "%s: %s: %s", path, doing, strerror(e));
}

Status path_join(char out[PATH_BYTES], const char *a, const char *b) {
    size_t n_a = strlen(a), n_b = strlen(b);
    size_t n_slash = n_a > 0 && n_b > 0 && a[n_a - 1] != '/';
    if (n_a + n_slash + n_b >= PATH_BYTES) return fail(BS_TOO_BIG, "%.80s...: path is too long", a);
    memmove(out, a, n_a);
    if (n_slash) out[n_a] = '/';
    memcpy(out + n_a + n_slash, b, n_b + 1);
    return BS_OK;
}

const char *path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_extension(const char *path) {
    const char *base = path_base(path);
    const char *dot = strrchr(base, '.');
    return dot && dot != base ? dot + 1 : "";
}

void path_folder(char out[PATH_BYTES], const char *path) {
    snprintf(out, PATH_BYTES, "%s", path);
    char *slash = strrchr(out, '/');
    if (!slash)
        snprintf(out, PATH_BYTES, ".");
    else if (slash == out)
        slash[1] = 0;
    else
        *slash = 0;
}

const char *path_relative(char out[PATH_BYTES], const char *folder, const char *path) {
    char *from = realpath(folder, NULL), *to = realpath(path, NULL);
    snprintf(out, PATH_BYTES, "%s", to ? to : path);
    size_t same = 0, n = 0; /* bytes of whole components that both share */
    for (size_t i = 0; from && to; i++) {
        const bool from_ends = !from[i] || from[i] == '/', to_ends = !to[i] || to[i] == '/';
        if (from_ends && to_ends) same = i;
        if (!from[i] || !to[i] || from[i] != to[i]) break;
    }
    if (same > 0) {
        out[0] = 0;
        for (const char *p = from + same; *p; p++)
            if (*p == '/' && n + 4 < PATH_BYTES) {
                memcpy(out + n, "../", 4);
                n += 3;
            }
        snprintf(out + n, PATH_BYTES - n, "%s", to[same] ? to + same + 1 : ".");
    }
    free(from);
    free(to);
    return out;
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

bool file_same(const char *a, const char *b) {
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

Status file_may_write(const char *path, bool force) {
    struct stat s;
    if (lstat(path, &s) != 0) return BS_OK;
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) return fail(BS_INVALID, "%s: is a folder", path);
    return force ? BS_OK : fail(BS_EXISTS, "%s: exists already; --force writes over it", path);
}

Status file_size(const char *path, int64_t *n_bytes) {
    struct stat s;
    if (stat(path, &s) != 0) return fail_errno(path, "stat");
    *n_bytes = s.st_size;
    return BS_OK;
}

Status file_read(const char *path, size_t max_bytes, void **bytes, size_t *n_bytes) {
    *bytes = NULL;
    *n_bytes = 0;
    Status st = BS_OK;
    char *data = NULL;
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(path, "open");
    if (fstat(fd, &s) != 0) {
        st = fail_errno(path, "stat");
        goto out;
    }
    if (S_ISDIR(s.st_mode)) {
        st = fail(BS_INVALID, "%s: is a folder", path);
        goto out;
    }
    /* The size is only a first guess: /proc and pipes say 0, and files may grow while they are read. */
    size_t capacity = s.st_size > 0 ? (size_t)s.st_size + 1 : 4096, n = 0;
    if (s.st_size > 0 && (size_t)s.st_size > max_bytes) {
        st = fail(BS_TOO_BIG, "%s: %lld bytes, at most %zu are read", path, (long long)s.st_size, max_bytes);
        goto out;
    }
    data = malloc(capacity);
    for (;;) {
        if (!data) {
            st = fail(BS_NOMEM, "%s: no memory for %zu bytes", path, capacity);
            goto out;
        }
        ssize_t got = read(fd, data + n, capacity - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            st = fail_errno(path, "read");
            goto out;
        }
        n += (size_t)got;
        if (n > max_bytes) {
            st = fail(BS_TOO_BIG, "%s: more than %zu bytes", path, max_bytes);
            goto out;
        }
        if (got == 0) break;
        if (n == capacity) {
            char *more = realloc(data, capacity *= 2);
            if (!more) free(data);
            data = more;
        }
    }
    if (n == capacity) {
        char *more = realloc(data, n + 1);
        if (!more) {
            st = fail(BS_NOMEM, "%s: no memory for %zu bytes", path, n + 1);
            goto out;
        }
        data = more;
    }
    data[n] = 0;
    *bytes = data;
    *n_bytes = n;
    data = NULL;
out:
    free(data);
    close(fd);
    return st;
}

static Status write_all(int fd, const char *path, const void *bytes, size_t n_bytes) {
    const char *p = bytes;
    while (n_bytes > 0) {
        ssize_t n = write(fd, p, n_bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(path, "write");
        p += n;
        n_bytes -= (size_t)n;
    }
    return BS_OK;
}

Status dir_sync(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_errno(path, "open");
    Status st = BS_OK;
    /* Some file systems cannot sync a folder; then there is nothing to wait for. */
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP) st = fail_errno(path, "fsync");
    close(fd);
    return st;
}

Status file_replace(const char *path, const void *bytes, size_t n_bytes) {
    static atomic_uint serial;
    char temporary[PATH_BYTES], folder[PATH_BYTES];
    int n =
        snprintf(temporary, PATH_BYTES, "%s.tmp-%ld-%u", path, (long)getpid(), atomic_fetch_add(&serial, 1));
    if (n >= PATH_BYTES) return fail(BS_TOO_BIG, "%.80s...: path is too long", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return fail_errno(path, "create");
    Status st = write_all(fd, path, bytes, n_bytes);
    if (st == BS_OK && fsync(fd) != 0) st = fail_errno(path, "fsync");
    if (close(fd) != 0 && st == BS_OK) st = fail_errno(path, "close");
    if (st == BS_OK && rename(temporary, path) != 0) st = fail_errno(path, "rename");
    if (st != BS_OK) {
        unlink(temporary);
        return st;
    }
    path_folder(folder, path);
    return dir_sync(folder);
}

Status file_append(const char *path, const void *bytes, size_t n_bytes, bool durable) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) return fail_errno(path, "open");
    Status st = write_all(fd, path, bytes, n_bytes);
    if (st == BS_OK && durable && fsync(fd) != 0) st = fail_errno(path, "fsync");
    if (close(fd) != 0 && st == BS_OK) st = fail_errno(path, "close");
    return st;
}

Status dir_make(const char *path, mode_t mode) {
    char part[PATH_BYTES];
    if (strlen(path) >= PATH_BYTES) return fail(BS_TOO_BIG, "%.80s...: path is too long", path);
    if (!path[0]) return fail(BS_INVALID, "a folder's name is empty");
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p) continue;
        char end = *p;
        *p = 0;
        struct stat s;
        /* Parents get the usual mode: only the folder asked for is private. */
        if (mkdir(part, end ? 0777 : mode) != 0) {
            if (errno != EEXIST) return fail_errno(part, "make folder");
            if (stat(part, &s) != 0) return fail_errno(part, "stat");
            if (!S_ISDIR(s.st_mode)) return fail(BS_EXISTS, "%s: is there and is no folder", part);
        }
        *p = end;
        if (!end) return BS_OK;
    }
}

static Status remove_below(int parent, const char *name, const char *path) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return BS_OK;
    if (errno != EISDIR && errno != EPERM) return fail_errno(path, "remove");
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fail_errno(path, "open");
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return fail_errno(path, "open");
    }
    Status st = BS_OK;
    const struct dirent *entry;
    while (st == BS_OK && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            st = remove_below(dirfd(dir), entry->d_name, path);
    closedir(dir);
    if (st == BS_OK && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        st = fail_errno(path, "remove");
    return st;
}

Status dir_remove(const char *path) { return remove_below(AT_FDCWD, path, path); }

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

Status dir_list(const char *path, char ***names, size_t *n_names) {
    *names = NULL;
    *n_names = 0;
    DIR *dir = opendir(path);
    if (!dir) return fail_errno(path, "open folder");
    Status st = BS_OK;
    char *text = NULL;
    size_t n = 0, used = 0, capacity = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        size_t bytes = strlen(entry->d_name) + 1;
        if (used + bytes > capacity) {
            capacity = 2 * capacity + bytes + 4096;
            char *more = realloc(text, capacity);
            if (!more) goto no_memory;
            text = more;
        }
        memcpy(text + used, entry->d_name, bytes);
        used += bytes;
        n++;
    }
    /* One block: the pointers, then the text they point into. */
    char **block = malloc((n + 1) * sizeof *block + used);
    if (!block) goto no_memory;
    char *at = (char *)(block + n + 1);
    if (used) memcpy(at, text, used);
    for (size_t i = 0; i < n; i++, at += strlen(at) + 1) block[i] = at;
    block[n] = NULL;
    qsort(block, n, sizeof *block, by_bytes);
    *names = block;
    *n_names = n;
    goto out;
no_memory:
    st = fail(BS_NOMEM, "%s: no memory to list the folder", path);
out:
    free(text);
    closedir(dir);
    return st;
}

Status file_lock(const char *path, bool wait, int *fd) {
    *fd = -1;
    for (;;) {
        int f = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (f < 0) return fail_errno(path, "open");
        while (flock(f, LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
            if (errno == EINTR) continue;
            Status st = errno == EWOULDBLOCK ? fail(BS_AGAIN, "%s: another process holds the lock", path)
                                             : fail_errno(path, "lock");
            close(f);
            return st;
        }
        /* The file may have been removed between open and flock; then the lock guards nothing. */
        struct stat mine, now;
        if (fstat(f, &mine) == 0 && stat(path, &now) == 0 && mine.st_ino == now.st_ino &&
            mine.st_dev == now.st_dev) {
            *fd = f;
            return BS_OK;
        }
        close(f);
    }
}

void file_unlock(int fd) {
    if (fd >= 0) close(fd);
}

Status file_map(const char *path, FileMap *map) {
    *map = (FileMap){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(path, "open");
    Status st = BS_OK;
    struct stat s;
    if (fstat(fd, &s) != 0) {
        st = fail_errno(path, "stat");
    } else if (s.st_size == 0) {
        map->bytes = ""; /* mmap refuses length 0 */
    } else {
        void *p = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            st = fail_errno(path, "map");
        else
            *map = (FileMap){p, (size_t)s.st_size};
    }
    close(fd);
    return st;
}

void file_unmap(FileMap *map) {
    if (map->n_bytes) munmap((void *)(uintptr_t)map->bytes, map->n_bytes);
    *map = (FileMap){NULL, 0};
}
