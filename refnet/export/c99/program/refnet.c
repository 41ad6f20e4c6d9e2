/* The operations, to the bit. Each output element is one chain of IEEE-754 operations, rounded to nearest even, in
 * the order written here. A port may compute outputs in any order and as many at once as it likes; it may not reorder
 * a sum, nor replace an fma by a product and a sum, or the reverse. */
#include "refnet.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "numerics.h"

#if FLT_EVAL_METHOD != 0
#error "every operation must be rounded to its own format; on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif
#ifdef __FAST_MATH__
#error "-ffast-math allows the compiler to reorder sums; compile without it"
#endif

size_t count(Shape shape)
{
    return (size_t)shape.H * (size_t)shape.W * (size_t)shape.C;
}

/* Where pixel (h, w) begins. */
static size_t at(Shape shape, int h, int w)
{
    return ((size_t)h * (size_t)shape.W + (size_t)w) * (size_t)shape.C;
}

static int inside(Shape shape, int h, int w)
{
    return 0 <= h && h < shape.H && 0 <= w && w < shape.W;
}

/* Sums of products. Taps are taken in blocks: within a block the sum is a chain of fma that begins with +0; the blocks'
 * sums are added in order. Short chains are more exact than one long one. `w` points at the first tap's weight for one
 * output channel; the next tap's is K further. */
static real dot(const real *x, const real *w, size_t taps, size_t K)
{
    real y = 0;
    for (size_t first = 0; first < taps; first += TAPS_PER_BLOCK) {
        real acc = 0;
        for (size_t tap = first; tap < taps && tap < first + TAPS_PER_BLOCK; tap++)
            acc = FMA(x[tap], w[tap * K], acc);
        y = first == 0 ? acc : y + acc; /* not 0 + acc, which would turn -0 into +0 */
    }
    return y;
}

/* Copies what the kernel sees from output pixel (h, w), taps (ky, kx, ci) ascending. Taps in the padding are +0 and
 * take part like all others: skipping them would move the blocks' borders. */
static void look(const Step *step, const real *x, int h, int w, real *window)
{
    size_t C = (size_t)step->in.C;
    for (int ky = 0; ky < step->kernel; ky++)
        for (int kx = 0; kx < step->kernel; kx++, window += C) {
            int row = h * step->stride + ky - step->pads.top;
            int column = w * step->stride + kx - step->pads.left;
            for (size_t c = 0; c < C; c++)
                window[c] = inside(step->in, row, column) ? x[at(step->in, row, column) + c] : 0;
        }
}

void convolution(const Step *step, const real *x, const real *kernel, real *window, real *y)
{
    size_t K = (size_t)step->out.C;
    size_t taps = (size_t)step->kernel * (size_t)step->kernel * (size_t)step->in.C;
    for (int h = 0; h < step->out.H; h++)
        for (int w = 0; w < step->out.W; w++) {
            look(step, x, h, w, window);
            for (size_t k = 0; k < K; k++)
                y[at(step->out, h, w) + k] = dot(window, kernel + k, taps, K);
        }
}

/* Each channel by itself; one chain, no blocks. */
void depthwise(const Step *step, const real *x, const real *kernel, real *y)
{
    size_t C = (size_t)step->in.C;
    for (int h = 0; h < step->out.H; h++)
        for (int w = 0; w < step->out.W; w++)
            for (size_t c = 0; c < C; c++) {
                real acc = 0;
                size_t tap = 0;
                for (int ky = 0; ky < step->kernel; ky++)
                    for (int kx = 0; kx < step->kernel; kx++, tap++) {
                        int row = h * step->stride + ky - step->pads.top;
                        int column = w * step->stride + kx - step->pads.left;
                        real seen = inside(step->in, row, column) ? x[at(step->in, row, column) + c] : 0;
                        acc = FMA(seen, kernel[tap * C + c], acc);
                    }
                y[at(step->out, h, w) + c] = acc;
            }
}

void dense(const Step *step, const real *x, const real *kernel, real *y)
{
    size_t C = (size_t)step->in.C, K = (size_t)step->out.C;
    for (size_t k = 0; k < K; k++)
        y[k] = dot(x, kernel + k, C, K);
}

/* Scale and shift are made from the published vectors in double, whatever the format, and rounded once. They are never
 * multiplied into the kernel, which would round other numbers. */
void batch_norm(Shape shape, const real *vectors, double eps, real *x)
{
    size_t K = (size_t)shape.C, pixels = count(shape) / K;
    const real *gamma = vectors, *beta = vectors + K, *average = vectors + 2 * K, *variance = vectors + 3 * K;
    for (size_t k = 0; k < K; k++) {
        double scale = (double)gamma[k] / sqrt((double)variance[k] + eps);
        double product = (double)average[k] * scale; /* apart: a product and a sum, no fma */
        double shift = (double)beta[k] - product;
        for (size_t p = 0; p < pixels; p++)
            x[p * K + k] = FMA(x[p * K + k], (real)scale, (real)shift);
    }
}

void add_bias(Shape shape, const real *bias, real *x)
{
    size_t K = (size_t)shape.C;
    for (size_t i = 0; i < count(shape); i++)
        x[i] = x[i] + bias[i % K];
}

/* Each row is summed from the left, the rows' sums from the top; then one division. */
void mean(Shape in, const real *x, real *y)
{
    for (int c = 0; c < in.C; c++) {
        real total = 0;
        for (int h = 0; h < in.H; h++) {
            real row = 0;
            for (int w = 0; w < in.W; w++)
                row = row + x[at(in, h, w) + (size_t)c];
            total = total + row;
        }
        y[c] = total / (real)(in.H * in.W);
    }
}

void excite(Shape shape, const real *x, const real *gate, real *y)
{
    size_t C = (size_t)shape.C;
    for (size_t i = 0; i < count(shape); i++)
        y[i] = x[i] * gate[i % C];
}

void add(Shape shape, const real *x, const real *y, real *sum)
{
    for (size_t i = 0; i < count(shape); i++)
        sum[i] = x[i] + y[i];
}

void concatenate(Shape in, const real *x, const real *y, real *both)
{
    size_t C = (size_t)in.C;
    for (size_t c = 0; c < C; c++) {
        both[c] = x[c];
        both[C + c] = y[c];
    }
}

void divide(Shape shape, const real *x, real divisor, real *y)
{
    for (size_t i = 0; i < count(shape); i++)
        y[i] = x[i] / divisor;
}

void max(Shape in, const real *x, real *y)
{
    size_t C = (size_t)in.C, pixels = count(in) / C;
    for (size_t c = 0; c < C; c++) {
        y[c] = x[c];
        for (size_t p = 1; p < pixels; p++) {
            real value = x[p * C + c];
            if (value > y[c] || value != value)
                y[c] = value;
        }
    }
}

/* The generalised mean: the mean's own order of sums, of powers that are exponentials of logarithms. */
void gem(Shape in, const real *x, real power, real *y)
{
    for (int c = 0; c < in.C; c++) {
        real total = 0;
        for (int h = 0; h < in.H; h++) {
            real row = 0;
            for (int w = 0; w < in.W; w++) {
                real value = x[at(in, h, w) + (size_t)c];
                value = value < (real)GEM_FLOOR ? (real)GEM_FLOOR : value;
                row = row + exponential(power * logarithm(value));
            }
            total = total + row;
        }
        y[c] = exponential(logarithm(total / (real)(in.H * in.W)) / power);
    }
}

static real largest_of(Shape shape, const real *x)
{
    real largest = x[0];
    for (int k = 1; k < shape.C; k++)
        largest = x[k] > largest ? x[k] : largest;
    return largest;
}

void log_softmax(Shape shape, const real *x, real *y)
{
    real largest = largest_of(shape, x), total = 0;
    for (int k = 0; k < shape.C; k++)
        total = total + exponential(x[k] - largest);
    real logarithm_of_total = logarithm(total);
    for (int k = 0; k < shape.C; k++)
        y[k] = (x[k] - largest) - logarithm_of_total;
}

/* The largest is taken off first, so that no exponential overflows. */
void softmax(Shape shape, const real *x, real *y)
{
    real largest = largest_of(shape, x), total = 0;
    for (int k = 0; k < shape.C; k++) {
        y[k] = exponential(x[k] - largest);
        total = total + y[k];
    }
    for (int k = 0; k < shape.C; k++)
        y[k] = y[k] / total;
}

/* 2**n for a normal number's n, made from its bits. */
static real power_of_two(int n)
{
    word bits = (word)(n + EXPONENT_BIAS) << MANTISSA_BITS;
    real power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* e**x = 2**n p(r) with n = rint(x / ln 2) and r = x - n ln 2. No libm's exp: they differ from one another. */
real exponential(real x)
{
    static const real p[] = EXP_POLYNOMIAL;
    if (x != x)
        return x;
    x = x < EXP_LOW ? EXP_LOW : x;
    x = x > EXP_HIGH ? EXP_HIGH : x;
    real n = FMA(x, INVERSE_LN2, SHIFTER) - SHIFTER; /* what the sum cannot hold are the places after the point */
    real r = FMA(-n, LN2_HIGH, x);
    r = FMA(-n, LN2_LOW, r);
    real sum = p[0];
    for (size_t i = 1; i < sizeof p / sizeof p[0]; i++)
        sum = FMA(sum, r, p[i]);
    int half = (int)n / 2; /* 2**n may be subnormal or infinite, its halves are not; the first product is exact */
    return sum * power_of_two(half) * power_of_two((int)n - half);
}

/* x = 2**n m with m from above sqrt(1/2) to sqrt(2); log m is a series in s = (m - 1) / (m + 1). Smaller numbers than
 * the smallest normal one count as that. */
real logarithm(real x)
{
    static const real p[] = LOG_POLYNOMIAL;
    if (!(x < (real)INFINITY))
        return x;
    x = x < LEAST_NORMAL ? LEAST_NORMAL : x;
    word bits;
    memcpy(&bits, &x, sizeof bits);
    int n = (int)(bits >> MANTISSA_BITS) - EXPONENT_BIAS;
    real m = x * power_of_two(-n / 2) * power_of_two(-n - -n / 2); /* exact: 2**-n itself may be subnormal */
    if (m > ROOT_2) {
        n = n + 1;
        m = m * (real)0.5;
    }
    real f = m - 1;
    real s = f / (f + 2);
    real z = s * s;
    real sum = p[0];
    for (size_t i = 1; i < sizeof p / sizeof p[0]; i++)
        sum = FMA(sum, z, p[i]);
    real w = s + s;
    real of_m = FMA(w, z * sum, w);
    return FMA((real)n, LN2_HIGH, FMA((real)n, LN2_LOW, of_m));
}

static real one_plus_exp_of_minus(real x)
{
    real z = -x;
    z = z < -SIGMOID_BOUND ? -SIGMOID_BOUND : z;
    z = z > SIGMOID_BOUND ? SIGMOID_BOUND : z;
    return 1 + exponential(z);
}

real sigmoid(real x)
{
    return 1 / one_plus_exp_of_minus(x);
}

/* One rounding less than x times sigmoid(x). */
real swish(real x)
{
    return x / one_plus_exp_of_minus(x);
}

real relu6(real x)
{
    return x < 0 ? 0 : x > 6 ? 6 : x;
}

real relu(real x)
{
    return x < 0 ? 0 : x;
}

real tangent(real x)
{
    return 2 / one_plus_exp_of_minus(x + x) - 1;
}

static real activate(Activation activation, real x)
{
    switch (activation) {
    case SWISH: return swish(x);
    case SIGMOID: return sigmoid(x);
    case RELU6: return relu6(x);
    case RELU: return relu(x);
    case TANH: return tangent(x);
    case NONE: break;
    }
    return x;
}

void evaluate(const Step *step, const real *x, const real *y, const real *weights, real *window, real *out)
{
    const real *kernel = weights + step->kernel_at, *vectors = weights + step->vectors_at;
    switch (step->op) {
    case CONVOLUTION: convolution(step, x, kernel, window, out); break;
    case DEPTHWISE: depthwise(step, x, kernel, out); break;
    case DENSE: dense(step, x, kernel, out); break;
    case MEAN: mean(step->in, x, out); break;
    case MAX: max(step->in, x, out); break;
    case GEM: gem(step->in, x, kernel[0], out); break;
    case EXCITE: excite(step->out, x, y, out); break;
    case ADD: add(step->out, x, y, out); break;
    case CONCATENATE: concatenate(step->in, x, y, out); break;
    case DIVIDE: divide(step->out, x, (real)step->number, out); break;
    case SOFTMAX: softmax(step->out, x, out); break;
    case LOG_SOFTMAX: log_softmax(step->out, x, out); break;
    case BATCH_NORM:
    case IDENTITY: memcpy(out, x, count(step->out) * sizeof *out); break;
    }
    switch (step->vectors) {
    case NORM: batch_norm(step->out, vectors, step->number, out); break;
    case BIAS: add_bias(step->out, vectors, out); break;
    case NO_VECTORS: break;
    }
    for (size_t i = 0; i < count(step->out); i++)
        out[i] = activate(step->activation, out[i]);
}
