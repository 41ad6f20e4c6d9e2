/* The words of the program: codes, one step of the network, and the operations that refnet.c defines.
 *
 * A real number is scale * (code - zero), its code an int8_t. Scales are not in the program: what is made of them is a
 * multiplier and a shift, integers. Sums of products are int32_t; that they fit was checked when this was written.
 *
 * Sizes go by one alphabet: H W height and width, C channels in, K channels out, R x S the kernel (always square here).
 * A picture is [H][W][C], the channel varies fastest; kernels are [K][R][S][C], depthwise [R][S][C], dense [K][C]. */
#ifndef REFNET_H
#define REFNET_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#if INT_MAX < 2147483647
#error "int must have 32 bits"
#endif

typedef enum { CONVOLUTION, DEPTHWISE, DENSE, ADD, MULTIPLY, EXCITE, MEAN, AVERAGE_POOL, TABLE, SOFTMAX } Op;
typedef enum { NO_ROUNDING, DOUBLE, DOUBLE_UP, SINGLE, TRUNCATE, POWER_OF_TWO } Policy; /* how integers round: rounding.h */

typedef struct {
    int H, W, C; /* a vector has H = W = 1 */
} Shape;

typedef struct {
    int top, bottom, left, right;
} Pads;

typedef struct {
    const char *name;
    Op op;
    int x, y; /* the tensors it reads: 0 is the input, i + 1 is what plan[i] makes; NOTHING where it reads one only */
    Shape in, out;
    int is_vector; /* whether what it makes has no height and width */
    int kernel, stride;
    Pads pads;
    int zero_x, zero_y, zero_out; /* the codes of 0 */
    int low, high;                /* what codes are clamped to, at last: the activation is in here */
    const int8_t *weights;
    const int32_t *bias; /* for each output channel */
    Policy policy;
    const int32_t *multiplier; /* for each output channel; of an addition: of x, of y, of the sum; else one */
    const int8_t *shift;       /* to the left where positive */
    const int8_t *table;       /* the code of each code, from -128 on */
    size_t at;                 /* where in the arena its codes lie */
} Step;

enum { NOTHING = -1 };

/* The operations: codes of x (and y) to codes. */
void products(const Step *step, const int8_t *x, int8_t *out); /* convolution, depthwise, dense */
void add(const Step *step, const int8_t *x, const int8_t *y, int8_t *out);
void multiply(const Step *step, const int8_t *x, const int8_t *y, int8_t *out);
void mean(const Step *step, const int8_t *x, int8_t *out);
void average_pool(const Step *step, const int8_t *x, int8_t *out);
void look_up(const Step *step, const int8_t *x, int8_t *out);
void softmax(const Step *step, const int8_t *x, int8_t *out);

void evaluate(const Step *step, const int8_t *x, const int8_t *y, int8_t *out);

/* The accumulator of one output of `products`, before anything is rounded. */
int32_t sum_of_products(const Step *step, const int8_t *x, int h, int w, int k);

size_t count(Shape shape);

#endif
