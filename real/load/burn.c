/* burn - a container's work: so much computation, so many bytes, never faster than asked.
 *
 *   burn run --units-per-s U [OPTION]... PHASE...
 *   burn prepare BYTES FILE     make the file that `run` reads from, unless it is there; tell the device of /scratch
 *   burn calibrate [SECONDS]    say how many units a core computes in a second
 *
 * A PHASE is one argument, `w=2.5,cpu=0.5,memory=1e6,read=0,write=2e6,request=65536,random=0.5`: the seconds it takes
 * alone (`inf` without end), cores, bytes of memory, bytes per second read and written, bytes of each request, and
 * which part of the requests is not where the one before ended. All but w are 0 unless they are said, and a request
 * 128 KiB; it is a multiple of 4096.
 *
 *   --slice SECONDS       of the work that is done at a time; less of short work, more where requests are rare [0.1]
 *   --data FILE           what is read [/scratch/data]
 *   --scratch FOLDER      where is written [/scratch]
 *   --window BYTES        size of the file that is written, over and over [16 MiB]
 *   --leak BYTES_PER_S    memory that grows beside the work
 *   --exit CODE           exit code at the end of the work [0]
 *   --die-after SECONDS   end with that code, or 1, so long after the work began, whatever is done
 *
 * The work is fixed: cpu * w seconds of a core, counted in turns of a loop whose speed `calibrate` measures by the CPU
 * time of its own thread, which neighbours do not change; and read * w and write * w bytes past the page cache
 * (O_DIRECT), one request after the other. It is done in slices. In each of them as many threads as cores were asked
 * for (rounded up, evenly) and one for the disk do their parts at the same time. A slice is over when all are done, and
 * not before its time is over; nobody waits by turning, and a slice that took longer is not made up for. So alone on an
 * idle host the work takes w seconds, and neighbours show as a longer run.
 *
 * Every line it prints is a JSON object with an "event": cgroup (what its control group really says), began, progress
 * (once a second at most), done; of `calibrate`, calibrated. Errors go to standard error, exit code 2 if the arguments
 * are wrong, else 1. It ends at once on SIGTERM (143) and SIGINT (130), which the first process of a container would
 * else ignore. The file that is written has no name, so that nothing is left however it ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096           /* what O_DIRECT asks of positions and lengths on every file system */
#define TURNS 1000          /* of the loop in a unit: about 2 microseconds */
#define ENDLESS_S 1e9       /* what `inf` means: 30 years, so that shares of it can be counted */
#define MOST 1e15           /* of anything that is asked for */
#define MOST_CORES 4096
#define LONGEST 10          /* times the slice, where requests are rare */
#define FEWEST 10           /* slices of short work, down to SHORTEST_S each */
#define SHORTEST_S 0.01
#define OWN_BYTES (1 << 20) /* stacks, and what the kernel keeps for the process */

struct phase {
    double work_s, cores, memory, read_bps, write_bps, request, random;
};

/* What a phase comes to in whole numbers. */
struct plan {
    double slice_s;
    int64_t slices, units, requests, reads, bytes[2]; /* bytes read and written */
    int64_t request;
    double random;
    int threads;
};

/* A file that is gone through again and again. */
struct stream {
    int fd;
    int64_t size, at, moved; /* moved: bytes in all */
};

static struct {
    double units_per_s, slice_s, leak_bps, die_after_s;
    int64_t window;
    const char *data, *scratch;
    int exit_code;
    bool exit_given;
} options = {.slice_s = 0.1, .window = 16 << 20, .data = "/scratch/data", .scratch = "/scratch"};

static struct stream streams[2] = {{.fd = -1}, {.fd = -1}};
static char *buffer;

/* What the threads of a phase share; between barriers nobody writes it. */
static struct plan plan;
static int64_t slice;
static int64_t computed; /* units that all threads have done */
static pthread_barrier_t gate;

static void fail(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("burn: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    _exit(code);
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static void sleep_until(double end) {
    struct timespec at = {.tv_sec = (time_t)end};
    at.tv_nsec = (long)((end - at.tv_sec) * 1e9);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

static double number(const char *text, const char *what) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value <= MOST))
        fail(2, "%s: '%s' is no number from 0 to %g", what, text, MOST);
    return value;
}

/* How much of a total is due after k of n parts: whole numbers that lose nothing. */
static int64_t due(int64_t total, int64_t k, int64_t n) { return (int64_t)((__int128)total * k / n); }

/* -- computing ---------------------------------------------------------------------------------------------------- */

static uint64_t turn(uint64_t x) { /* xorshift: each turn needs the one before, so that no compiler shortens it */
    x ^= x << 13;
    x ^= x >> 7;
    return x ^ x << 17;
}

static void compute(int64_t units) {
    uint64_t x = 88172645463325252u;
    for (; units > 0; units--) {
        for (int i = 0; i < TURNS; i++) x = turn(x);
        __asm__ volatile("" : "+r"(x));
    }
}

static void compute_part(int thread) {
    int64_t units = due(plan.units, slice + 1, plan.slices) - due(plan.units, slice, plan.slices);
    units = due(units, thread + 1, plan.threads) - due(units, thread, plan.threads);
    compute(units);
    __atomic_fetch_add(&computed, units, __ATOMIC_RELAXED);
}

static int by_value(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static int calibrate(double for_s) {
    enum { ROUNDS = 25 };
    double speeds[ROUNDS], per_s = 0;
    compute(1000); /* until the clock of the core has gone up */
    for (int64_t units = 1000;; units *= 2) {
        double before = seconds(CLOCK_THREAD_CPUTIME_ID);
        compute(units);
        double took = seconds(CLOCK_THREAD_CPUTIME_ID) - before;
        per_s = units / took;
        if (took > for_s / ROUNDS / 4) break;
    }
    for (int round = 0; round < ROUNDS; round++) {
        int64_t units = (int64_t)(per_s * for_s / ROUNDS) + 1;
        double before = seconds(CLOCK_THREAD_CPUTIME_ID);
        compute(units);
        speeds[round] = units / (seconds(CLOCK_THREAD_CPUTIME_ID) - before);
    }
    qsort(speeds, ROUNDS, sizeof *speeds, by_value);
    printf("{\"event\": \"calibrated\", \"units_per_s\": %.1f}\n", speeds[ROUNDS / 2]);
    return 0;
}

/* -- the disk ----------------------------------------------------------------------------------------------------- */

static uint64_t chance = 0x9e3779b97f4a7c15u;

static void request(bool writes, int64_t serial) {
    struct stream *file = &streams[writes];
    int64_t left = plan.bytes[writes] - serial * plan.request;
    size_t length = left < plan.request ? left : plan.request;
    int64_t places = (file->size - (int64_t)length) / PAGE + 1;
    /* Every one of them that brings the count of random ones to the next whole number is random. */
    if (floor((serial + 1) * plan.random) > floor(serial * plan.random)) {
        chance = turn(chance);
        file->at = (int64_t)(chance % places) * PAGE;
    } else if (file->at + (int64_t)length > file->size) {
        file->at = 0;
    }
    ssize_t done =
        writes ? pwrite(file->fd, buffer, length, file->at) : pread(file->fd, buffer, length, file->at);
    if (done != (ssize_t)length)
        fail(1, "cannot %s %zu bytes at %" PRId64 ": %s", writes ? "write" : "read", length, file->at,
             done < 0 ? strerror(errno) : "there are fewer");
    file->at += length;
    file->moved += length;
}

static void *serve_disk(void *unused) {
    for (int64_t k = 0; k < plan.slices; k++) {
        pthread_barrier_wait(&gate);
        int64_t end = due(plan.requests, k + 1, plan.slices);
        for (int64_t i = due(plan.requests, k, plan.slices); i < end; i++) {
            int64_t reads = due(plan.reads, i, plan.requests);
            bool writes = due(plan.reads, i + 1, plan.requests) == reads;
            request(writes, writes ? i - reads : reads);
        }
        pthread_barrier_wait(&gate);
    }
    return unused;
}

static void *serve_cpu(void *thread) {
    for (int64_t k = 0; k < plan.slices; k++) {
        pthread_barrier_wait(&gate);
        compute_part((int)(intptr_t)thread);
        pthread_barrier_wait(&gate);
    }
    return NULL;
}

static void fill(char *bytes, size_t count) { /* nothing that a file system could compress or leave out */
    for (size_t i = 0; i < count; i += sizeof chance) {
        chance = turn(chance);
        memcpy(bytes + i, &chance, sizeof chance);
    }
}

static char *pages(size_t bytes) {
    void *there;
    if (posix_memalign(&there, PAGE, bytes)) fail(1, "no memory for a request of %zu bytes", bytes);
    fill(there, bytes);
    return there;
}

/* Open a file in a folder that is nobody else's. */
static int fresh(char *path, size_t room, const char *folder) {
    snprintf(path, room, "%s/burn-XXXXXX", folder);
    int fd = mkostemp(path, O_DIRECT | O_CLOEXEC);
    if (fd < 0) fail(1, "cannot make a file in %s for direct writes: %s", folder, strerror(errno));
    return fd;
}

/* Say on which device a folder is, as whoever mounted it named the device. */
static void tell_device(const char *folder) {
    char line[4096], where[4096], source[4096];
    FILE *mounts = fopen("/proc/self/mounts", "re");
    while (mounts && fgets(line, sizeof line, mounts))
        if (sscanf(line, "%4095s %4095s", source, where) == 2 && !strcmp(where, folder) && source[0] == '/')
            printf("{\"event\": \"device\", \"path\": \"%s\"}\n", source);
    if (mounts) fclose(mounts);
}

static int prepare(int64_t bytes, const char *path) {
    enum { CHUNK = 1 << 20 };
    struct stat there;
    bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    tell_device(options.scratch);
    if (!stat(path, &there) && there.st_size >= bytes) return 0;
    char folder[4096], made[4200];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = 0;
    int fd = fresh(made, sizeof made, slash ? folder : ".");
    char *data = pages(CHUNK);
    for (int64_t at = 0; at < bytes; at += CHUNK) {
        ssize_t length = bytes - at < CHUNK ? bytes - at : CHUNK;
        fill(data, length);
        if (pwrite(fd, data, length, at) != length) {
            int why = errno;
            unlink(made);
            fail(1, "cannot write %s: %s", path, strerror(why));
        }
    }
    /* Whoever finds the file finds all of it, also if two make it at once. */
    if (fchmod(fd, 0644) || fsync(fd) || rename(made, path)) fail(1, "cannot make %s: %s", path, strerror(errno));
    return 0;
}

static void open_files(const struct phase *phases, int count) {
    int64_t largest[2] = {0, 0}, written = 0;
    for (int i = 0; i < count; i++) {
        const struct phase *p = &phases[i];
        if (p->read_bps > 0 && p->request > largest[0]) largest[0] = (int64_t)p->request;
        if (p->write_bps > 0 && p->request > largest[1]) largest[1] = (int64_t)p->request;
        if (p->write_bps > 0) written += (int64_t)fmin(p->write_bps * p->work_s, MOST);
    }
    if (largest[0]) {
        struct stat there;
        int fd = open(options.data, O_RDONLY | O_DIRECT | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &there))
            fail(1, "cannot read %s directly: %s (`burn prepare` makes it)", options.data, strerror(errno));
        if (there.st_size < largest[0])
            fail(1, "%s is smaller than a request of %" PRId64 " bytes", options.data, largest[0]);
        streams[0] = (struct stream){.fd = fd, .size = there.st_size / PAGE * PAGE};
    }
    if (largest[1]) {
        int64_t size = options.window / PAGE * PAGE;
        if (size < largest[1]) fail(2, "a request of %" PRId64 " bytes is larger than the window", largest[1]);
        if (written < size) size = written > largest[1] ? (written + PAGE - 1) / PAGE * PAGE : largest[1];
        char path[4200];
        int fd = fresh(path, sizeof path, options.scratch);
        unlink(path);
        /* Blocks that are there already: else each write of the first round would wait for the allocator. */
        if (fallocate(fd, 0, 0, size) && (errno != EOPNOTSUPP || ftruncate(fd, size)))
            fail(1, "no room for %" PRId64 " bytes in %s: %s", size, options.scratch, strerror(errno));
        streams[1] = (struct stream){.fd = fd, .size = size};
    }
    int64_t bytes = largest[0] > largest[1] ? largest[0] : largest[1];
    if (bytes) buffer = pages(bytes);
}

/* -- memory ------------------------------------------------------------------------------------------------------- */

static char *touched(size_t bytes) {
    char *there = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (there == MAP_FAILED) fail(1, "no memory: %s", strerror(errno));
    for (size_t i = 0; i < bytes; i += PAGE) there[i] = 1;
    return there;
}

/* Have so many bytes of memory in all, the program and the kernel's tables for it among them. */
static void have_memory(double bytes) {
    static char *held;
    static size_t size;
    static int64_t own = -1;
    if (own < 0) {
        long resident = 0;
        FILE *file = fopen("/proc/self/statm", "re");
        if (!file || fscanf(file, "%*s %ld", &resident) != 1) resident = 0;
        if (file) fclose(file);
        own = (int64_t)resident * sysconf(_SC_PAGESIZE) + OWN_BYTES;
    }
    double wanted = bytes - bytes / 256 - own; /* a page table holds 512 pages, and needs a page */
    size_t more = wanted > 0 ? (size_t)wanted / PAGE * PAGE : 0;
    if (more == size) return;
    if (!size) {
        held = touched(more);
    } else if (!more) {
        munmap(held, size);
    } else {
        held = mremap(held, size, more, MREMAP_MAYMOVE);
        if (held == MAP_FAILED) fail(1, "no memory: %s", strerror(errno));
        for (size_t i = size; i < more; i += PAGE) held[i] = 1;
    }
    size = more;
}

/* -- the run ------------------------------------------------------------------------------------------------------ */

static struct phase parse_phase(char *text) {
    struct phase phase = {.work_s = -1, .request = 128 << 10};
    struct { const char *name; double *value; } keys[] = {
        {"w", &phase.work_s}, {"cpu", &phase.cores}, {"memory", &phase.memory}, {"read", &phase.read_bps},
        {"write", &phase.write_bps}, {"request", &phase.request}, {"random", &phase.random},
    };
    size_t count = sizeof keys / sizeof *keys;
    for (char *rest, *part = strtok_r(text, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(part, '=');
        if (equals) *equals = 0;
        size_t key = 0;
        while (key < count && strcmp(keys[key].name, part)) key++;
        if (!equals || key == count) fail(2, "a phase has w, cpu, memory, read, write, request, random, no '%s'", part);
        *keys[key].value = !key && !strcmp(equals + 1, "inf") ? ENDLESS_S : number(equals + 1, part);
    }
    if (phase.work_s < 0) fail(2, "a phase must say w, the seconds that it takes alone");
    if (phase.request < PAGE || fmod(phase.request, PAGE)) fail(2, "request: must be a multiple of %d bytes", PAGE);
    if (phase.cores > MOST_CORES) fail(2, "cpu: must be at most %d", MOST_CORES);
    if (phase.random > 1) fail(2, "random: must be within 0 and 1");
    if (fmax(phase.cores * options.units_per_s, phase.read_bps + phase.write_bps) * phase.work_s > 1e18)
        fail(2, "that is more work than can be counted");
    return phase;
}

static struct plan planned(const struct phase *phase) {
    struct plan made = {.request = (int64_t)phase->request, .random = phase->random, .threads = ceil(phase->cores)};
    double work_s = phase->work_s, slice_s = options.slice_s;
    made.units = llround(phase->cores * work_s * options.units_per_s);
    double rates[2] = {phase->read_bps, phase->write_bps};
    for (int i = 0; i < 2; i++) {
        made.bytes[i] = llround(rates[i] * work_s / PAGE) * PAGE;
        int64_t requests = (made.bytes[i] + made.request - 1) / made.request;
        made.requests += requests;
        if (!i) made.reads = requests;
    }
    if (work_s < FEWEST * slice_s) slice_s = fmax(work_s / FEWEST, fmin(slice_s, SHORTEST_S));
    made.slices = ceil(work_s / slice_s - 1e-9);
    if (made.requests) {
        /* As many requests in one slice as in the next: else those with one more would take longer, alone as well. */
        double together = fmax(1, round(made.requests * slice_s / work_s));
        made.slices = ceil(fmax(made.requests / together, work_s / (LONGEST * slice_s)));
    }
    if (made.slices < 1) made.slices = 1;
    made.slice_s = work_s / made.slices;
    return made;
}

/* Times and amounts since the work began. */
static double began_s, began_cpu_s;

static void tell(const char *event, double share) {
    printf("{\"event\": \"%s\", \"share\": %.6f, \"wall_s\": %.6f, \"cpu_s\": %.6f, \"units\": %" PRId64
           ", \"read_bytes\": %" PRId64 ", \"written_bytes\": %" PRId64 "}\n",
           event, share, seconds(CLOCK_MONOTONIC) - began_s, seconds(CLOCK_PROCESS_CPUTIME_ID) - began_cpu_s,
           computed, streams[0].moved, streams[1].moved);
}

static void run_phase(const struct phase *phase, double before_s, double all_s) {
    static double told_s, leaked;
    plan = planned(phase);
    have_memory(phase->memory);
    /* This thread computes too: one that only computes never sleeps, and so never waits to be woken. */
    int helpers = (plan.threads > 1 ? plan.threads - 1 : 0) + (plan.requests > 0);
    pthread_t threads[helpers + 1];
    pthread_barrier_init(&gate, NULL, helpers + 1);
    for (int i = 0; i < helpers; i++) {
        bool disk = plan.requests && i == helpers - 1;
        int error = pthread_create(&threads[i], NULL, disk ? serve_disk : serve_cpu, (void *)(intptr_t)(i + 1));
        if (error) fail(1, "cannot have %d threads: %s", helpers + 1, strerror(error));
    }
    for (slice = 0; slice < plan.slices;) {
        double start_s = seconds(CLOCK_MONOTONIC);
        pthread_barrier_wait(&gate);
        if (plan.threads) compute_part(0);
        pthread_barrier_wait(&gate);
        double now_s = seconds(CLOCK_MONOTONIC);
        if (now_s < start_s + plan.slice_s) {
            sleep_until(start_s + plan.slice_s);
            now_s = seconds(CLOCK_MONOTONIC);
        }
        slice++;
        leaked += options.leak_bps * (now_s - start_s);
        if (leaked >= PAGE) {
            touched((size_t)leaked);
            leaked = 0;
        }
        if (now_s - fmax(told_s, began_s) >= 1) {
            told_s = now_s;
            tell("progress", (before_s + slice * plan.slice_s) / all_s);
        }
    }
    for (int i = 0; i < helpers; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&gate);
}

/* Print what the control group says, in the files of either version that are there. */
static void tell_cgroup(void) {
    static const char *const files[] = {
        "cpu/cpu.shares", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "cpuset/cpuset.cpus",
        "memory/memory.limit_in_bytes", "blkio/blkio.bfq.weight", "blkio/blkio.throttle.read_bps_device",
        "blkio/blkio.throttle.write_bps_device", "blkio/blkio.throttle.read_iops_device",
        "blkio/blkio.throttle.write_iops_device", "pids/pids.max",
        "cpu.weight", "cpu.max", "cpuset.cpus.effective", "memory.max", "io.weight", "io.bfq.weight", "io.max",
        "pids.max",
    };
    cpu_set_t cores;
    int count = sched_getaffinity(0, sizeof cores, &cores) ? 0 : CPU_COUNT(&cores);
    printf("{\"event\": \"cgroup\", \"cores\": %d, \"files\": {", count);
    const char *comma = "";
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[256], text[1024];
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s", files[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue;
        ssize_t length = read(fd, text, sizeof text);
        close(fd);
        while (length > 0 && text[length - 1] == '\n') length--;
        if (length < 0) continue;
        printf("%s\"%s\": \"", comma, strrchr(path, '/') + 1);
        for (ssize_t k = 0; k < length; k++) {
            if (text[k] < ' ' || text[k] == '"' || text[k] == '\\') printf("\\u%04x", (unsigned char)text[k]);
            else putchar(text[k]);
        }
        putchar('"');
        comma = ", ";
    }
    puts("}}");
}

static void on_signal(int which) { _exit(128 + which); }

static void on_alarm(int which) {
    (void)which;
    _exit(options.exit_given ? options.exit_code : 1);
}

static int run(char **texts, int count) {
    struct phase phases[count];
    double all_s = 0, done_s = 0;
    for (int i = 0; i < count; i++) {
        phases[i] = parse_phase(texts[i]);
        if (phases[i].cores > 0 && !(options.units_per_s > 0)) fail(2, "--units-per-s: `burn calibrate` says it");
        all_s += phases[i].work_s;
    }
    tell_cgroup();
    open_files(phases, count);
    have_memory(phases[0].memory);
    prctl(PR_SET_TIMERSLACK, 1); /* else sleeps last 50 microseconds longer */
    began_s = seconds(CLOCK_MONOTONIC);
    began_cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID);
    printf("{\"event\": \"began\", \"epoch_s\": %.6f}\n", seconds(CLOCK_REALTIME));
    if (options.die_after_s > 0) {
        struct itimerval at = {.it_value = {.tv_sec = (time_t)options.die_after_s}};
        at.it_value.tv_usec = (suseconds_t)((options.die_after_s - at.it_value.tv_sec) * 1e6) + 1;
        setitimer(ITIMER_REAL, &at, NULL);
    }
    for (int i = 0; i < count; i++) {
        run_phase(&phases[i], done_s, all_s);
        done_s += phases[i].work_s;
    }
    tell("done", 1);
    return options.exit_code;
}

static int usage(void) {
    fail(2, "burn run --units-per-s U [--slice S] [--data FILE] [--scratch FOLDER] [--window BYTES] [--leak BYTES_PER_S] "
            "[--exit CODE] [--die-after S] w=SECONDS,cpu=CORES,memory=BYTES,read=BPS,write=BPS,request=BYTES,random=SHARE "
            "... | burn prepare BYTES FILE | burn calibrate [SECONDS]");
    return 2;
}

int main(int count, char **words) {
    static const struct option known[] = {
        {"units-per-s", required_argument, NULL, 'u'}, {"slice", required_argument, NULL, 's'},
        {"data", required_argument, NULL, 'd'}, {"scratch", required_argument, NULL, 't'},
        {"window", required_argument, NULL, 'w'}, {"leak", required_argument, NULL, 'l'},
        {"exit", required_argument, NULL, 'e'}, {"die-after", required_argument, NULL, 'a'}, {0},
    };
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGALRM, on_alarm);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count < 2) return usage();
    const char *verb = words[1];
    if (!strcmp(verb, "calibrate") && count <= 3) {
        double for_s = count == 3 ? number(words[2], "SECONDS") : 0.5;
        if (for_s < 0.01 || for_s > 3600) fail(2, "calibrate: SECONDS must be within 0.01 and 3600");
        return calibrate(for_s);
    }
    if (!strcmp(verb, "prepare") && count == 4) return prepare((int64_t)number(words[2], "BYTES"), words[3]);
    if (strcmp(verb, "run")) return usage();
    optind = 2;
    for (int which; (which = getopt_long(count, words, "+", known, NULL)) != -1;) {
        switch (which) {
            case 'u': options.units_per_s = number(optarg, "--units-per-s"); break;
            case 's': options.slice_s = number(optarg, "--slice"); break;
            case 'd': options.data = optarg; break;
            case 't': options.scratch = optarg; break;
            case 'w': options.window = (int64_t)number(optarg, "--window"); break;
            case 'l': options.leak_bps = number(optarg, "--leak"); break;
            case 'e': options.exit_code = (int)number(optarg, "--exit"); options.exit_given = true; break;
            case 'a': options.die_after_s = number(optarg, "--die-after"); break;
            default: return 2;
        }
    }
    if (!(options.slice_s > 0 && options.slice_s <= 60)) fail(2, "--slice: must be more than 0 and at most 60 s");
    if (options.exit_code > 255) fail(2, "--exit: must be within 0 and 255");
    if (optind == count) return usage();
    return run(words + optind, count - optind);
}
