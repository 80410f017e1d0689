/* Counts what a process does to one directory, and has the call with a given number fail, stop short, or be the last.
 *
 * Preloaded (LD_PRELOAD) into a process and all that it starts. They share the file that FAULT_STATE names: the plan,
 * how many calls there were, and a letter for the kind of each. A call counts when its descriptor or path is below the
 * plan's directory. See plan.py for the same structure in Python.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KILL = 1, KILL_ALL, TORN, FAIL, FAIL_ON, SHORT, SHORT_ON, INTERRUPT };
enum { GO_ON, REFUSE, HALVE };

#define KINDS 65536

struct state {
    int action;   /* 0: nothing happens, nothing is counted */
    int code;     /* the errno of FAIL */
    int lazy;     /* true: what waits for the disk returns at once, counted or not: a kill takes nothing from the system */
    int parent;   /* the process that KILL_ALL and INTERRUPT are for */
    int at;       /* number of the call, from 1 */
    int count;
    int fired;
    int unused;
    char below[1024];
    char kinds[KINDS];
};

static struct state *state;

#define REAL(result, name, ...)                                                \
    static result (*real)(__VA_ARGS__);                                        \
    if (!real)                                                                 \
        real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_STATE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *found = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found != MAP_FAILED)
        state = found;
}

static int is_below(const char *path) {
    size_t length = strlen(state->below);
    return !strncmp(path, state->below, length) && (!path[length] || path[length] == '/');
}

static int path_of(int fd, char *found) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, found, PATH_MAX - 1);
    found[length > 0 ? length : 0] = 0;
    return length > 0;
}

static int fd_counts(int fd) {
    char path[PATH_MAX];
    return state && state->action && path_of(fd, path) && is_below(path);
}

/* SQLite's paths begin with /proc/self/fd/N/, ours are relative to a descriptor. */
static int path_counts(int directory, const char *path) {
    char found[2 * PATH_MAX];
    int fd, used = 0;
    if (!state || !state->action || !path)
        return 0;
    if (sscanf(path, "/proc/self/fd/%d%n", &fd, &used) == 1 && used)
        return path_of(fd, found) && is_below(found);
    if (path[0] == '/')
        return is_below(path);
    if (directory != AT_FDCWD)
        return path_of(directory, found) && is_below(found);
    return getcwd(found, PATH_MAX) && is_below(found);
}

/* Decide what becomes of a call of one kind; a death happens here. */
static int decide(char kind, int can_halve) {
    int number = __atomic_add_fetch(&state->count, 1, __ATOMIC_SEQ_CST);
    if (number <= KINDS)
        state->kinds[number - 1] = kind;
    int goes_on = state->action == FAIL_ON || state->action == SHORT_ON;
    if (number != state->at && !(goes_on && number > state->at && state->at))
        return GO_ON;
    switch (state->action) {
    case KILL_ALL:
        kill(state->parent, SIGKILL); /* falls through */
    case KILL:
        kill(getpid(), SIGKILL);
        break;
    case TORN:
        if (can_halve)
            return state->fired = 1, HALVE;
        kill(getpid(), SIGKILL);
        break;
    case INTERRUPT:
        state->fired = 1;
        kill(state->parent, SIGINT);
        return GO_ON;
    case FAIL:
    case FAIL_ON:
        state->fired = 1;
        errno = state->code;
        return REFUSE;
    case SHORT:
    case SHORT_ON:
        if (can_halve)
            return state->fired = 1, HALVE;
    }
    return GO_ON;
}

static ssize_t halved(ssize_t written) {
    if (state->action == TORN)
        kill(getpid(), SIGKILL);
    return written;
}

static size_t half(size_t count) { return count > 1 ? count / 2 : count; }

ssize_t write(int fd, const void *data, size_t count) {
    REAL(ssize_t, write, int, const void *, size_t);
    if (!fd_counts(fd))
        return real(fd, data, count);
    switch (decide('w', 1)) {
    case REFUSE: return -1;
    case HALVE: return halved(real(fd, data, half(count)));
    }
    return real(fd, data, count);
}

#define PWRITE(name, offset_type)                                              \
    ssize_t name(int fd, const void *data, size_t count, offset_type offset) { \
        REAL(ssize_t, name, int, const void *, size_t, offset_type);           \
        if (!fd_counts(fd))                                                    \
            return real(fd, data, count, offset);                              \
        switch (decide('p', 1)) {                                              \
        case REFUSE: return -1;                                                \
        case HALVE: return halved(real(fd, data, half(count), offset));        \
        }                                                                      \
        return real(fd, data, count, offset);                                  \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* Half of what several buffers hold, in at most as many. */
static int half_of(const struct iovec *parts, int count, struct iovec *halves) {
    size_t total = 0, left;
    int n;
    for (n = 0; n < count; n++)
        total += parts[n].iov_len;
    left = half(total);
    for (n = 0; n < count && left; n++) {
        halves[n] = parts[n];
        if (halves[n].iov_len > left)
            halves[n].iov_len = left;
        left -= halves[n].iov_len;
    }
    return n;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct iovec halves[IOV_MAX];
    REAL(ssize_t, writev, int, const struct iovec *, int);
    if (!fd_counts(fd))
        return real(fd, parts, count);
    switch (decide('v', 1)) {
    case REFUSE: return -1;
    case HALVE: return halved(real(fd, halves, half_of(parts, count, halves)));
    }
    return real(fd, parts, count);
}

#define PWRITEV(name, offset_type)                                                   \
    ssize_t name(int fd, const struct iovec *parts, int count, offset_type offset) { \
        struct iovec halves[IOV_MAX];                                                \
        REAL(ssize_t, name, int, const struct iovec *, int, offset_type);            \
        if (!fd_counts(fd))                                                          \
            return real(fd, parts, count, offset);                                   \
        switch (decide('v', 1)) {                                                    \
        case REFUSE: return -1;                                                      \
        case HALVE: return halved(real(fd, halves, half_of(parts, count, halves), offset)); \
        }                                                                            \
        return real(fd, parts, count, offset);                                       \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define PWRITEV2(name, offset_type)                                                           \
    ssize_t name(int fd, const struct iovec *parts, int count, offset_type offset, int flags) { \
        struct iovec halves[IOV_MAX];                                                         \
        REAL(ssize_t, name, int, const struct iovec *, int, offset_type, int);                \
        if (!fd_counts(fd))                                                                   \
            return real(fd, parts, count, offset, flags);                                     \
        switch (decide('v', 1)) {                                                             \
        case REFUSE: return -1;                                                               \
        case HALVE: return halved(real(fd, halves, half_of(parts, count, halves), offset, flags)); \
        }                                                                                     \
        return real(fd, parts, count, offset, flags);                                         \
    }
PWRITEV2(pwritev2, off_t)
PWRITEV2(pwritev64v2, off64_t)

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags) {
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
    if (!fd_counts(out))
        return real(in, from, out, to, count, flags);
    switch (decide('c', 1)) {
    case REFUSE: return -1;
    case HALVE: return halved(real(in, from, out, to, half(count), flags));
    }
    return real(in, from, out, to, count, flags);
}

#define SENDFILE(name, offset_type)                                    \
    ssize_t name(int out, int in, offset_type *offset, size_t count) { \
        REAL(ssize_t, name, int, int, offset_type *, size_t);          \
        if (!fd_counts(out))                                           \
            return real(out, in, offset, count);                       \
        switch (decide('c', 1)) {                                      \
        case REFUSE: return -1;                                        \
        case HALVE: return halved(real(out, in, offset, half(count))); \
        }                                                              \
        return real(out, in, offset, count);                           \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

#define SYNC(name)                                 \
    int name(int fd) {                             \
        REAL(int, name, int);                      \
        if (fd_counts(fd) && decide('s', 0) == REFUSE) \
            return -1;                             \
        return state && state->lazy ? 0 : real(fd); \
    }
SYNC(fsync)
SYNC(fdatasync)
SYNC(syncfs)

#define TRUNCATE(name, size_type)                                        \
    int name(int fd, size_type size) {                                   \
        REAL(int, name, int, size_type);                                 \
        return fd_counts(fd) && decide('t', 0) == REFUSE ? -1 : real(fd, size); \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define OPENAT(name)                                                                    \
    int name(int directory, const char *path, int flags, ...) {                         \
        va_list more;                                                                   \
        REAL(int, name, int, const char *, int, ...);                                   \
        va_start(more, flags);                                                          \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;       \
        va_end(more);                                                                   \
        int counts = flags & O_CREAT && path_counts(directory, path);                   \
        return counts && decide('o', 0) == REFUSE ? -1 : real(directory, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

#define OPEN(name)                                                                \
    int name(const char *path, int flags, ...) {                                  \
        va_list more;                                                             \
        REAL(int, name, const char *, int, ...);                                  \
        va_start(more, flags);                                                    \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                             \
        int counts = flags & O_CREAT && path_counts(AT_FDCWD, path);              \
        return counts && decide('o', 0) == REFUSE ? -1 : real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    return path_counts(AT_FDCWD, path) && decide('m', 0) == REFUSE ? -1 : real(path, mode);
}

int mkdirat(int directory, const char *path, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    return path_counts(directory, path) && decide('m', 0) == REFUSE ? -1 : real(directory, path, mode);
}

int unlink(const char *path) {
    REAL(int, unlink, const char *);
    return path_counts(AT_FDCWD, path) && decide('u', 0) == REFUSE ? -1 : real(path);
}

int rmdir(const char *path) {
    REAL(int, rmdir, const char *);
    return path_counts(AT_FDCWD, path) && decide('u', 0) == REFUSE ? -1 : real(path);
}

int unlinkat(int directory, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    return path_counts(directory, path) && decide('u', 0) == REFUSE ? -1 : real(directory, path, flags);
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return path_counts(AT_FDCWD, to) && decide('r', 0) == REFUSE ? -1 : real(from, to);
}

int renameat(int from, const char *old, int to, const char *new) {
    REAL(int, renameat, int, const char *, int, const char *);
    return path_counts(to, new) && decide('r', 0) == REFUSE ? -1 : real(from, old, to, new);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    return path_counts(to, new) && decide('r', 0) == REFUSE ? -1 : real(from, old, to, new, flags);
}

int link(const char *from, const char *to) {
    REAL(int, link, const char *, const char *);
    return path_counts(AT_FDCWD, to) && decide('l', 0) == REFUSE ? -1 : real(from, to);
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int);
    return path_counts(to, new) && decide('l', 0) == REFUSE ? -1 : real(from, old, to, new, flags);
}

int symlinkat(const char *target, int directory, const char *path) {
    REAL(int, symlinkat, const char *, int, const char *);
    return path_counts(directory, path) && decide('l', 0) == REFUSE ? -1 : real(target, directory, path);
}
