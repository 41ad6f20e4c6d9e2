/* Runs the plan on one picture and prints the digest of the input and of every step's tensor.
 *
 *     ./refnet weights.bin input.bin [FOLDER]
 *
 * Both files are float32, little-endian. With FOLDER, which must exist, every tensor is also written there as NAME.bin,
 * little-endian, the channel varying fastest. */
#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "refnet.h"
#include "sha256.h"

#if FLT_RADIX != 2 || FLT_MANT_DIG != 24 || DBL_MANT_DIG != 53
#error "float and double must be IEEE-754 binary32 and binary64"
#endif

static void fail(const char *where, const char *what)
{
    fprintf(stderr, "refnet: %s: %s\n", where, what);
    exit(2);
}

static void *allocate(size_t length, size_t size)
{
    void *memory = calloc(length, size); /* not malloc: it sees to overflow */
    if (memory == NULL)
        fail(PLAN_NAME, "out of memory");
    return memory;
}

/* Reads a file that must have this size. */
static unsigned char *read_file(const char *path, size_t size)
{
    unsigned char *bytes = allocate(size, 1);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(path, strerror(errno));
    if (fread(bytes, 1, size, file) != size || fgetc(file) != EOF) {
        fprintf(stderr, "refnet: %s: want %lu bytes for " PLAN_NAME "\n", path, (unsigned long)size);
        exit(2);
    }
    fclose(file);
    return bytes;
}

/* Makes numbers of float32's little-endian bytes, on a host of any byte order. */
static real *decode(const unsigned char *bytes, size_t length)
{
    real *x = allocate(length, sizeof *x);
    for (size_t i = 0; i < length; i++, bytes += 4) {
        uint32_t bits = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
        float number;
        memcpy(&number, &bits, sizeof number);
        x[i] = number;
    }
    return x;
}

static unsigned char *encode(const real *x, size_t length)
{
    unsigned char *bytes = allocate(length, sizeof *x);
    for (size_t i = 0; i < length; i++) {
        word bits;
        memcpy(&bits, x + i, sizeof bits);
        for (size_t b = 0; b < sizeof bits; b++)
            bytes[i * sizeof bits + b] = (unsigned char)(bits >> 8 * b);
    }
    return bytes;
}

static void write_tensor(const char *folder, const char *name, const unsigned char *bytes, size_t size)
{
    size_t room = strlen(folder) + strlen(name) + sizeof "/.bin";
    char *path = allocate(room, 1);
    snprintf(path, room, "%s/%s.bin", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        fail(path, strerror(errno));
    size_t written = fwrite(bytes, 1, size, file);
    if (fclose(file) != 0 || written != size)
        fail(path, "cannot be written");
    free(path);
}

/* Prints name and digest: SHA-256 of dtype, shape and bits, as refnet.reference.digest defines it. */
static void report(const char *name, const char *header, const unsigned char *bytes, size_t size, const char *folder)
{
    Sha256 sha;
    char hex[65];
    sha256_begin(&sha);
    sha256_add(&sha, header, strlen(header));
    sha256_add(&sha, bytes, size);
    sha256_end(&sha, hex);
    if (printf("%s %s\n", name, hex) < 0 || fflush(stdout) != 0)
        fail("digests", "cannot be written");
    if (folder != NULL)
        write_tensor(folder, name, bytes, size);
}

static void report_step(const Step *step, const real *x, const char *folder)
{
    char header[64];
    if (step->is_vector)
        snprintf(header, sizeof header, "%s 1,%d\n", DTYPE, step->out.C);
    else
        snprintf(header, sizeof header, "%s 1,%d,%d,%d\n", DTYPE, step->out.H, step->out.W, step->out.C);
    unsigned char *bytes = encode(x, count(step->out));
    report(step->name, header, bytes, count(step->out) * sizeof *x, folder);
    free(bytes);
}

static real *load_input(const char *path, const char *folder)
{
    Shape shape = plan[0].in;
    size_t size = 4 * count(shape);
    unsigned char *bytes = read_file(path, size);
    char header[64];
    snprintf(header, sizeof header, "float32 1,%d,%d,%d\n", shape.H, shape.W, shape.C);
    report("input", header, bytes, size, folder);
    real *x = decode(bytes, count(shape));
    free(bytes);
    return x;
}

static real *load_weights(const char *path)
{
    unsigned char *bytes = read_file(path, (size_t)4 * WEIGHTS);
    real *weights = decode(bytes, WEIGHTS);
    free(bytes);
    return weights;
}

static int is_read_after(int tensor, int step)
{
    for (int later = step + 1; later < STEPS; later++)
        if (plan[later].x == tensor || plan[later].y == tensor)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    static real *tensors[STEPS + 1]; /* the input, then what each step makes, as long as somebody will read it */
    static real window[MAX_TAPS];
    if (argc != 3 && argc != 4)
        fail("usage", "./refnet weights.bin input.bin [FOLDER]");
    const char *folder = argc == 4 ? argv[3] : NULL;

    real *weights = load_weights(argv[1]);
    tensors[0] = load_input(argv[2], folder);
    for (int i = 0; i < STEPS; i++) {
        const Step *step = &plan[i];
        const real *second = step->y == NOTHING ? NULL : tensors[step->y];
        tensors[i + 1] = allocate(count(step->out), sizeof(real));
        evaluate(step, tensors[step->x], second, weights, window, tensors[i + 1]);
        report_step(step, tensors[i + 1], folder);
        for (int t = 0; t <= i + 1; t++)
            if (tensors[t] != NULL && !is_read_after(t, i)) {
                free(tensors[t]);
                tensors[t] = NULL;
            }
    }
    free(weights);
    return 0;
}
