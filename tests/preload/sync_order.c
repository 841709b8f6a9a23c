// A preload library that watches the order of writes, syncs and acknowledgements of the process it is loaded into.
//
//   MILLRACE_SYNC_ROOT     files below this directory are watched
//   MILLRACE_SYNC_REPORT   file that findings are appended to, one line each:
//                            ack <text> unsynced=<count> [<first path>]
//                            totals acks=… violations=… syncs=… writes=… renames=…     (at exit)
//   MILLRACE_DISK_FULL     when this file exists, every write below the root fails with ENOSPC
//
// A write makes its file unsynced until an fsync or fdatasync of that file begins after it and succeeds; a rename,
// link or mkdir makes the directory unsynced until the directory is synced. A line written to standard output that begins
// with "@ack" is an acknowledgement: none of the watched files may be unsynced then.
// The shared-memory index of a WAL (-shm) is mapped, never durable, and rebuilt after a crash.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char unsynced[FILES_MAX][PATH_MAX];
static int unsynced_count;
static long acks, violations, syncs, writes, renames;
static char root[PATH_MAX];
static size_t root_length;
static const char *full_flag;
static int report = -1;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static void say(const char *format, ...) {
  char line[PATH_MAX + 512];
  va_list list;
  va_start(list, format);
  int length = vsnprintf(line, sizeof line, format, list);
  va_end(list);
  if (report < 0 || length <= 0) return;
  if ((size_t)length > sizeof line) length = sizeof line;
  ssize_t done = REAL(write)(report, line, (size_t)length);
  (void)done;
}

__attribute__((constructor)) static void begin(void) {
  const char *directory = getenv("MILLRACE_SYNC_ROOT");
  const char *path = getenv("MILLRACE_SYNC_REPORT");
  full_flag = getenv("MILLRACE_DISK_FULL");
  if (directory == NULL || realpath(directory, root) == NULL) return;
  root_length = strlen(root);
  if (path != NULL) report = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

__attribute__((destructor)) static void end(void) {
  if (root_length == 0) return;
  say("totals acks=%ld violations=%ld syncs=%ld writes=%ld renames=%ld\n", acks, violations, syncs, writes, renames);
}

static int watched(const char *path) {
  if (root_length == 0 || strncmp(path, root, root_length) != 0) return 0;
  if (path[root_length] != '/' && path[root_length] != 0) return 0;
  size_t length = strlen(path);
  return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

/** The watched file behind a descriptor; 0 where there is none. */
static int path_of(int descriptor, char *path) {
  if (root_length == 0 || descriptor < 0 || descriptor == report) return 0;
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(name, path, PATH_MAX - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return watched(path);
}

static int find(const char *path) {
  for (int index = 0; index < unsynced_count; index++)
    if (strcmp(unsynced[index], path) == 0) return index;
  return -1;
}

static void mark(const char *path) {
  if (find(path) >= 0) return;
  if (unsynced_count == FILES_MAX) abort();
  strcpy(unsynced[unsynced_count++], path);
}

static void clear(const char *path) {
  int index = find(path);
  if (index >= 0 && index != --unsynced_count) strcpy(unsynced[index], unsynced[unsynced_count]);
}

static void acknowledge(const char *bytes, size_t length) {
  char text[64];
  size_t used = 0;
  while (used < length && used < sizeof text - 1 && bytes[used] != '\n') {
    text[used] = bytes[used];
    used++;
  }
  text[used] = 0;
  pthread_mutex_lock(&lock);
  acks++;
  if (unsynced_count > 0) violations++;
  say("ack %s unsynced=%d %s\n", text, unsynced_count, unsynced_count > 0 ? unsynced[0] : "");
  pthread_mutex_unlock(&lock);
}

/** Before a write: notes it, or says with -1 that the disk is full. */
static int before_write(int descriptor, const char *bytes, size_t length) {
  if (descriptor == 1 && length >= 4 && memcmp(bytes, "@ack", 4) == 0) {
    acknowledge(bytes, length);
    return 0;
  }
  char path[PATH_MAX];
  if (!path_of(descriptor, path)) return 0;
  if (full_flag != NULL && access(full_flag, F_OK) == 0) {
    errno = ENOSPC;
    return -1;
  }
  pthread_mutex_lock(&lock);
  writes++;
  mark(path);
  pthread_mutex_unlock(&lock);
  return 0;
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
  if (before_write(descriptor, bytes, length) < 0) return -1;
  return REAL(write)(descriptor, bytes, length);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
  if (before_write(descriptor, bytes, length) < 0) return -1;
  return REAL(pwrite)(descriptor, bytes, length, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
  if (before_write(descriptor, bytes, length) < 0) return -1;
  return REAL(pwrite64)(descriptor, bytes, length, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  if (before_write(descriptor, count > 0 ? parts[0].iov_base : "", count > 0 ? parts[0].iov_len : 0) < 0) return -1;
  return REAL(writev)(descriptor, parts, count);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
  if (before_write(descriptor, "", 0) < 0) return -1;
  return REAL(pwritev)(descriptor, parts, count, offset);
}

ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
  if (before_write(descriptor, "", 0) < 0) return -1;
  return REAL(pwritev64)(descriptor, parts, count, offset);
}

static int synced(int descriptor, int (*sync)(int)) {
  char path[PATH_MAX];
  int known = path_of(descriptor, path);
  int marked = 0;
  if (known) {
    // What is written while the sync runs is not covered by it, so the mark is taken off before and not after.
    pthread_mutex_lock(&lock);
    marked = find(path) >= 0;
    clear(path);
    syncs++;
    pthread_mutex_unlock(&lock);
  }
  int result = sync(descriptor);
  if (known && marked && result != 0) {
    pthread_mutex_lock(&lock);
    mark(path);
    pthread_mutex_unlock(&lock);
  }
  return result;
}

int fsync(int descriptor) { return synced(descriptor, REAL(fsync)); }
int fdatasync(int descriptor) { return synced(descriptor, REAL(fdatasync)); }

/** The absolute path of a file whose directory exists, links in the directory resolved. */
static int absolute(const char *path, char *into, char *directory) {
  char copy[PATH_MAX];
  snprintf(copy, sizeof copy, "%s", path);
  char *slash = strrchr(copy, '/');
  const char *name = slash == NULL ? copy : slash + 1;
  const char *parent = slash == NULL ? "." : copy;
  if (slash != NULL) *slash = 0;
  if (realpath(*parent == 0 ? "/" : parent, directory) == NULL) return 0;
  int length = snprintf(into, PATH_MAX, "%s/%s", directory, name);
  return length > 0 && length < PATH_MAX && watched(into);
}

static void renamed(const char *from, const char *to) {
  char source[PATH_MAX], target[PATH_MAX], directory[PATH_MAX], other[PATH_MAX];
  int known = absolute(from, source, other);
  if (!absolute(to, target, directory)) return;
  pthread_mutex_lock(&lock);
  renames++;
  if (known && find(source) >= 0) {
    clear(source);
    mark(target);
  }
  mark(directory);
  pthread_mutex_unlock(&lock);
}

int rename(const char *from, const char *to) {
  int result = REAL(rename)(from, to);
  if (result == 0) renamed(from, to);
  return result;
}

// The new name has what the old one has, synced or not.
int link(const char *from, const char *to) {
  int result = REAL(link)(from, to);
  char source[PATH_MAX], target[PATH_MAX], directory[PATH_MAX], other[PATH_MAX];
  if (result == 0 && absolute(to, target, directory)) {
    int known = absolute(from, source, other);
    pthread_mutex_lock(&lock);
    if (known && find(source) >= 0) mark(target);
    mark(directory);
    pthread_mutex_unlock(&lock);
  }
  return result;
}

int mkdir(const char *path, mode_t mode) {
  int result = REAL(mkdir)(path, mode);
  char target[PATH_MAX], directory[PATH_MAX];
  if (result == 0 && absolute(path, target, directory)) {
    pthread_mutex_lock(&lock);
    mark(directory);
    pthread_mutex_unlock(&lock);
  }
  return result;
}

int unlink(const char *path) {
  int result = REAL(unlink)(path);
  char target[PATH_MAX], directory[PATH_MAX];
  if (result == 0 && absolute(path, target, directory)) {
    pthread_mutex_lock(&lock);
    clear(target);
    pthread_mutex_unlock(&lock);
  }
  return result;
}
