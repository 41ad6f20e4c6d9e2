/* Runs the plan on one picture; prints the digest of the input and of every step's codes, then the best class.
 *
 *     ./refnet input.bin [FOLDER [SUMS]]
 *
 * The file is int8, the codes of a picture. With FOLDER, which must exist, every step's codes are also written there as
 * NAME.bin, int8, the channel varying fastest; with SUMS, the accumulators of every step that has some, as NAME.bin,
 * int32, little-endian. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "run.h"

static const char *folder, *sums; /* NULL where none is asked for */

static void fail(const char *where, const char *what)
{
    fprintf(stderr, "refnet: %s: %s\n", where, what);
    exit(2);
}

static void load_input(const char *path)
{
    size_t size = count(plan[0].in);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(path, strerror(errno));
    if (fread(input(), 1, size, file) != size || fgetc(file) != EOF) {
        fprintf(stderr, "refnet: %s: want %lu bytes for " PLAN_NAME "\n", path, (unsigned long)size);
        exit(2);
    }
    fclose(file);
}

static FILE *create(const char *where, const char *name)
{
    char path[4096];
    if (strlen(where) + strlen(name) + sizeof "/.bin" > sizeof path)
        fail(where, "too long a name");
    snprintf(path, sizeof path, "%s/%s.bin", where, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        fail(path, strerror(errno));
    return file;
}

static void close_written(FILE *file, const char *where)
{
    int failed = ferror(file);
    if (fclose(file) != 0 || failed)
        fail(where, "cannot be written");
}

static void report(const char *name, Shape shape, int is_vector, const int8_t *codes)
{
    char hex[65];
    digest(shape, is_vector, codes, hex);
    if (printf("%s %s\n", name, hex) < 0 || fflush(stdout) != 0)
        fail("digests", "cannot be written");
    if (folder != NULL) {
        FILE *file = create(folder, name);
        fwrite(codes, 1, count(shape), file);
        close_written(file, folder);
    }
}

static void write_sums(const Step *step, const int8_t *x)
{
    FILE *file = create(sums, step->name);
    for (int h = 0; h < step->out.H; h++)
        for (int w = 0; w < step->out.W; w++)
            for (int k = 0; k < step->out.C; k++) {
                uint32_t sum = (uint32_t)sum_of_products(step, x, h, w, k);
                for (int b = 0; b < 32; b += 8)
                    fputc((int)(sum >> b & 255), file);
            }
    close_written(file, sums);
}

static void visit(const Step *step, const int8_t *x, const int8_t *out)
{
    report(step->name, step->out, step->is_vector, out);
    if (sums != NULL && step->weights != NULL)
        write_sums(step, x);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4)
        fail("usage", "./refnet input.bin [FOLDER [SUMS]]");
    folder = argc > 2 ? argv[2] : NULL;
    sums = argc > 3 ? argv[3] : NULL;
    load_input(argv[1]);
    report("input", plan[0].in, 0, input());
    const int8_t *answer = run(visit);
    if (printf("top-1 %d\n", top_1(answer)) < 0 || fflush(stdout) != 0)
        fail("top-1", "cannot be written");
    return 0;
}
