/* slowdisk RAW MOUNTPOINT BYTES_PER_S IOPS
 *
 * A slow disk for a loop device: mounts a file system of one file, which is called as RAW is and has what RAW has.
 * All requests queue at one server, first come first served, reads and writes alike; it serves a request in
 * 1 / IOPS + bytes / BYTES_PER_S seconds. SIGUSR1 makes it serve at once from then on, SIGSTOP is a hung device.
 *
 * Requests are taken from the kernel when they arrive, and get the time at which a virtual server will have done
 * them; a second thread answers them at those times. One thread that slept for each request would have the kernel
 * choose who is next. The loop device must use direct I/O: then requests arrive when they are made, while its
 * buffered mode hands them over one by one, and holds the file's lock during a write.
 *
 * Build: gcc -O2 -pthread -o slowdisk slowdisk.c $(pkg-config --cflags --libs fuse3)
 */
#define FUSE_USE_VERSION 34
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DISK_INODE 2
#define LARGEST_REQUEST (1 << 20)
#define NS_PER_S 1000000000LL

struct pending {
    struct pending *next;
    fuse_req_t request;
    long long due_ns;
    int is_read;
    size_t bytes;
    off_t offset;
};

static int raw;
static off_t raw_bytes;
static const char *disk_name;
static double ns_per_byte, ns_per_request;
static volatile sig_atomic_t at_once;
static long long server_free_ns;               /* only the thread that takes requests */
static struct pending *oldest, **newest = &oldest; /* under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Queue a request. Due times never decrease, hence a list is the whole queue. */
static void enqueue(fuse_req_t request, int is_read, size_t bytes, off_t offset)
{
    struct pending *job = malloc(sizeof *job);
    if (!job) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    long long now = now_ns();
    if (server_free_ns < now)
        server_free_ns = now;
    server_free_ns += (long long)(ns_per_request + bytes * ns_per_byte);
    *job = (struct pending){NULL, request, server_free_ns, is_read, bytes, offset};
    pthread_mutex_lock(&lock);
    *newest = job;
    newest = &job->next;
    pthread_cond_signal(&arrived);
    pthread_mutex_unlock(&lock);
}

/* Wait in small steps, so that SIGUSR1 is noticed whichever thread it hits. */
static void wait_until(long long due_ns)
{
    long long now;
    while (!at_once && (now = now_ns()) < due_ns) {
        long long until = due_ns - now < NS_PER_S / 20 ? due_ns : now + NS_PER_S / 20;
        struct timespec wake = {until / NS_PER_S, until % NS_PER_S};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
    }
}

static void *answer(void *unused)
{
    (void)unused;
    char *buffer = malloc(LARGEST_REQUEST);
    if (!buffer)
        abort();
    prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
    prctl(PR_SET_TIMERSLACK, 20000);
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!oldest)
            pthread_cond_wait(&arrived, &lock);
        struct pending *job = oldest;
        oldest = job->next;
        if (!oldest)
            newest = &oldest;
        pthread_mutex_unlock(&lock);
        wait_until(job->due_ns);
        if (job->is_read) {
            ssize_t got = pread(raw, buffer, job->bytes, job->offset);
            if (got < 0)
                fuse_reply_err(job->request, errno);
            else
                fuse_reply_buf(job->request, buffer, got);
        } else {
            fuse_reply_write(job->request, job->bytes);
        }
        free(job);
    }
}

static void on_read(fuse_req_t request, fuse_ino_t inode, size_t bytes, off_t offset, struct fuse_file_info *file)
{
    (void)inode, (void)file;
    enqueue(request, 1, bytes < LARGEST_REQUEST ? bytes : LARGEST_REQUEST, offset);
}

/* What is written is kept at once, since the kernel's buffer is reused; it counts as done when it is answered. */
static void on_write(fuse_req_t request, fuse_ino_t inode, const char *data, size_t bytes, off_t offset,
                     struct fuse_file_info *file)
{
    (void)inode, (void)file;
    for (size_t done = 0; done < bytes;) {
        ssize_t wrote = pwrite(raw, data + done, bytes - done, offset + done);
        if (wrote < 0) {
            fuse_reply_err(request, errno);
            return;
        }
        done += wrote;
    }
    enqueue(request, 0, bytes, offset);
}

/* Nothing to do: a power loss takes the hosts here, never this machine. */
static void on_fsync(fuse_req_t request, fuse_ino_t inode, int data_only, struct fuse_file_info *file)
{
    (void)inode, (void)data_only, (void)file;
    fuse_reply_err(request, 0);
}

static void on_fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length,
                         struct fuse_file_info *file)
{
    (void)inode, (void)file;
    fuse_reply_err(request, fallocate(raw, mode, offset, length) ? errno : 0);
}

static struct stat about(fuse_ino_t inode)
{
    struct stat found = {.st_ino = inode, .st_mode = S_IFDIR | 0700, .st_nlink = 2};
    if (inode == DISK_INODE) {
        found.st_mode = S_IFREG | 0600;
        found.st_nlink = 1;
        found.st_size = raw_bytes;
    }
    return found;
}

static void on_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
    (void)file;
    struct stat found = about(inode);
    fuse_reply_attr(request, &found, 3600);
}

static void on_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *wanted, int which,
                       struct fuse_file_info *file)
{
    (void)wanted, (void)which;
    on_getattr(request, inode, file);
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry = {.ino = DISK_INODE, .attr_timeout = 3600, .entry_timeout = 3600};
    if (parent != FUSE_ROOT_ID || strcmp(name, disk_name)) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    entry.attr = about(DISK_INODE);
    fuse_reply_entry(request, &entry);
}

static void on_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
    if (inode != DISK_INODE) {
        fuse_reply_err(request, EISDIR);
        return;
    }
    file->direct_io = 1;
    fuse_reply_open(request, file);
}

static void on_init(void *user, struct fuse_conn_info *connection)
{
    (void)user;
    connection->max_write = connection->max_read = LARGEST_REQUEST;
    /* Of these so many are let through at a time; the others would wait in the kernel, where reads overtake. */
    connection->max_background = 4096;
    connection->congestion_threshold = 4096;
}

static const struct fuse_lowlevel_ops OPERATIONS = {
    .init = on_init,
    .lookup = on_lookup,
    .getattr = on_getattr,
    .setattr = on_setattr,
    .open = on_open,
    .read = on_read,
    .write = on_write,
    .fsync = on_fsync,
    .fallocate = on_fallocate,
};

static void hurry(int signal)
{
    (void)signal;
    at_once = 1;
}

int main(int count, char **words)
{
    struct stat found;
    if (count != 5) {
        fprintf(stderr, "usage: slowdisk RAW MOUNTPOINT BYTES_PER_S IOPS\n");
        return 2;
    }
    raw = open(words[1], O_RDWR | O_CLOEXEC);
    if (raw < 0 || fstat(raw, &found)) {
        perror(words[1]);
        return 1;
    }
    raw_bytes = found.st_size;
    disk_name = strrchr(words[1], '/') ? strrchr(words[1], '/') + 1 : words[1];
    ns_per_byte = NS_PER_S / atof(words[3]);
    ns_per_request = NS_PER_S / atof(words[4]);

    signal(SIGUSR1, hurry);
    /* A terminal's Ctrl-C is not for a disk. */
    signal(SIGINT, SIG_IGN);
    char *options[] = {words[0], "-o", "fsname=slowdisk,max_read=1048576", NULL};
    struct fuse_args arguments = FUSE_ARGS_INIT(3, options);
    struct fuse_session *session = fuse_session_new(&arguments, &OPERATIONS, sizeof OPERATIONS, NULL);
    if (!session || fuse_session_mount(session, words[2]))
        return 1;
    /* From here on it is there: whoever started us may go on. */
    if (fuse_daemonize(0))
        return 1;
    /* The kernel may need us to free memory: then we must not wait for it to do so. */
    prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
    pthread_t answerer;
    if (pthread_create(&answerer, NULL, answer, NULL))
        return 1;
    int failed = fuse_session_loop(session);
    fuse_session_unmount(session);
    return failed != 0;
}
