/* The words of the program: numbers, shapes, one step of the network, and the operations that refnet.c defines.
 *
 * Sizes go by one alphabet: H W height and width, C channels in, K channels out, R x S the kernel (always square here).
 * A picture is [H][W][C], the channel varies fastest; kernels are [R][S][C][K], depthwise [R][S][C], dense [C][K]. */
#ifndef REFNET_H
#define REFNET_H

#include <stddef.h>
#include <stdint.h>

/* The contract holds in both formats; -DDOUBLE chooses the second. Input and weights are float32 in either. */
#ifdef DOUBLE
typedef double real;
typedef uint64_t word; /* the bits of a real */
#define DTYPE "float64"
#define FMA fma
#else
typedef float real;
typedef uint32_t word;
#define DTYPE "float32"
#define FMA fmaf
#endif

typedef enum {
    CONVOLUTION, DEPTHWISE, MEAN, DENSE, EXCITE, ADD, SOFTMAX,
    MAX, GEM, CONCATENATE, BATCH_NORM, IDENTITY, DIVIDE, LOG_SOFTMAX
} Op;
typedef enum { NONE, SWISH, SIGMOID, RELU6, RELU, TANH } Activation;
typedef enum { NO_VECTORS, NORM, BIAS } Vectors; /* gamma, beta, mean, variance one after the other, or the bias: K each */

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
    Activation activation; /* applied last */
    size_t kernel_at;      /* places in weights.bin, counted in numbers */
    Vectors vectors;       /* what follows the operation, before the activation */
    size_t vectors_at;
    double number; /* what a batch norm adds to the variance, or what a division divides by */
} Step;

enum { NOTHING = -1 };

/* `window` has room for R S C numbers. */
void convolution(const Step *step, const real *x, const real *kernel, real *window, real *y);
void depthwise(const Step *step, const real *x, const real *kernel, real *y);
void dense(const Step *step, const real *x, const real *kernel, real *y);
void batch_norm(Shape shape, const real *vectors, double eps, real *x);
void add_bias(Shape shape, const real *bias, real *x);
void mean(Shape in, const real *x, real *y);
void excite(Shape shape, const real *x, const real *gate, real *y);
void add(Shape shape, const real *x, const real *y, real *sum);
void softmax(Shape shape, const real *x, real *y);
void log_softmax(Shape shape, const real *x, real *y);
void max(Shape in, const real *x, real *y);
void gem(Shape in, const real *x, real power, real *y);
void concatenate(Shape in, const real *x, const real *y, real *both);
void divide(Shape shape, const real *x, real divisor, real *y);

real swish(real x);
real sigmoid(real x);
real relu6(real x);
real relu(real x);
real tangent(real x); /* the hyperbolic one */
real exponential(real x);
real logarithm(real x);

/* One whole step: the operation, then batch norm or bias, then the activation. */
void evaluate(const Step *step, const real *x, const real *y, const real *weights, real *window, real *out);

size_t count(Shape shape);

#endif
