/* A disk that fails under a real process: loaded before its libraries (LD_PRELOAD).
 *
 * EARMARK_TEST_DISK names a folder; it is about the databases in and below that folder alone.
 *   sync-fails holds a number n: the n-th sync from its appearance on fails with EIO, once;
 *   full       is there: no file gets larger, ENOSPC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long syncs;

static int is_ours(int fd) {
    char link[64], path[4096];
    const char *disk = getenv("EARMARK_TEST_DISK");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || !disk) return 0;
    path[length] = 0;
    return strncmp(path, disk, strlen(disk)) == 0 && strstr(path, ".db");
}

static FILE *order(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("EARMARK_TEST_DISK"), name);
    return fopen(path, "r");
}

static int sync_fails(int fd) {
    if (!is_ours(fd)) return 0;
    FILE *file = order("sync-fails");
    if (!file) return 0;
    long n = 0;
    int read = fscanf(file, "%ld", &n);
    fclose(file);
    return read == 1 && atomic_fetch_add(&syncs, 1) + 1 == n;
}

static int has_no_room(int fd, off_t end) {
    struct stat now;
    FILE *file = is_ours(fd) ? order("full") : NULL;
    if (!file) return 0;
    fclose(file);
    return fstat(fd, &now) == 0 && end > now.st_size;
}

#define SYNC(name)                                             \
    int name(int fd) {                                         \
        if (sync_fails(fd)) { errno = EIO; return -1; }        \
        int (*next)(int) = dlsym(RTLD_NEXT, #name);            \
        return next(fd);                                       \
    }
SYNC(fsync)
SYNC(fdatasync)

#define PWRITE(name)                                                          \
    ssize_t name(int fd, const void *bytes, size_t count, off64_t at) {       \
        if (has_no_room(fd, at + count)) { errno = ENOSPC; return -1; }       \
        ssize_t (*next)(int, const void *, size_t, off64_t) =                 \
            dlsym(RTLD_NEXT, #name);                                          \
        return next(fd, bytes, count, at);                                    \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int fd, const void *bytes, size_t count) {
    ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (has_no_room(fd, lseek(fd, 0, SEEK_CUR) + count)) { errno = ENOSPC; return -1; }
    return next(fd, bytes, count);
}
