/* The operations, to the bit. Sums of integers are exact in any order: a port may add as it likes, in 32 bits. What it
 * has to keep is how a sum comes back to 8 bits: `rescale`, then the zero point, then the clamp. */
#include "refnet.h"

#include "rounding.h"

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

/* An integer times the step's real number k, by the step's policy. */
static int32_t rescale(const Step *step, int32_t total, int k)
{
    int shift = step->shift[k];
    switch (step->policy) {
    case DOUBLE: return round_twice(total, step->multiplier[k], shift);
    case DOUBLE_UP: return round_twice_up(total, step->multiplier[k], shift);
    case SINGLE: return round_once(total, step->multiplier[k], shift);
    case TRUNCATE: return round_never(total, step->multiplier[k], shift);
    case POWER_OF_TWO: return shift_only(total, shift);
    case NO_ROUNDING: break;
    }
    return total;
}

/* The code of an integer that is in the output's scale. */
static int8_t code(const Step *step, int32_t q)
{
    q = q + step->zero_out;
    q = q < step->low ? step->low : q;
    q = q > step->high ? step->high : q;
    return (int8_t)q;
}

/* Taps outside of the picture count 0, as if the code zero_x stood there. */
static int32_t convolution_sum(const Step *step, const int8_t *x, int h, int w, int k)
{
    int R = step->kernel, C = step->in.C;
    const int8_t *weights = step->weights + (size_t)k * (size_t)(R * R * C);
    int32_t sum = step->bias[k];
    for (int ky = 0; ky < R; ky++)
        for (int kx = 0; kx < R; kx++, weights += C) {
            int row = h * step->stride + ky - step->pads.top;
            int column = w * step->stride + kx - step->pads.left;
            if (!inside(step->in, row, column))
                continue;
            const int8_t *pixel = x + at(step->in, row, column);
            for (int c = 0; c < C; c++)
                sum += (pixel[c] - step->zero_x) * weights[c];
        }
    return sum;
}

/* Each channel by itself. */
static int32_t depthwise_sum(const Step *step, const int8_t *x, int h, int w, int c)
{
    int R = step->kernel, C = step->in.C;
    int32_t sum = step->bias[c];
    for (int ky = 0; ky < R; ky++)
        for (int kx = 0; kx < R; kx++) {
            int row = h * step->stride + ky - step->pads.top;
            int column = w * step->stride + kx - step->pads.left;
            if (!inside(step->in, row, column))
                continue;
            sum += (x[at(step->in, row, column) + (size_t)c] - step->zero_x) * step->weights[(ky * R + kx) * C + c];
        }
    return sum;
}

static int32_t dense_sum(const Step *step, const int8_t *x, int k)
{
    int C = step->in.C;
    const int8_t *weights = step->weights + (size_t)k * (size_t)C;
    int32_t sum = step->bias[k];
    for (int c = 0; c < C; c++)
        sum += (x[c] - step->zero_x) * weights[c];
    return sum;
}

int32_t sum_of_products(const Step *step, const int8_t *x, int h, int w, int k)
{
    switch (step->op) {
    case DEPTHWISE: return depthwise_sum(step, x, h, w, k);
    case DENSE: return dense_sum(step, x, k);
    default: return convolution_sum(step, x, h, w, k);
    }
}

void products(const Step *step, const int8_t *x, int8_t *out)
{
    for (int h = 0; h < step->out.H; h++)
        for (int w = 0; w < step->out.W; w++)
            for (int k = 0; k < step->out.C; k++) {
                int32_t sum = sum_of_products(step, x, h, w, k);
                *out++ = code(step, rescale(step, sum, k));
            }
}

/* Both inputs come to twice the larger scale, with 20 more bits; then their sum comes to the output's. */
void add(const Step *step, const int8_t *x, const int8_t *y, int8_t *out)
{
    const int32_t raised = (int32_t)1 << 20;
    for (size_t i = 0; i < count(step->out); i++) {
        int32_t left = rescale(step, (x[i] - step->zero_x) * raised, 0);
        int32_t right = rescale(step, (y[i] - step->zero_y) * raised, 1);
        out[i] = code(step, rescale(step, left + right, 2));
    }
}

/* Element by element; EXCITE: each channel of a picture by a number of its own. */
void multiply(const Step *step, const int8_t *x, const int8_t *y, int8_t *out)
{
    size_t C = (size_t)step->out.C;
    for (size_t i = 0; i < count(step->out); i++) {
        int factor = y[step->op == EXCITE ? i % C : i] - step->zero_y;
        out[i] = code(step, rescale(step, (x[i] - step->zero_x) * factor, 0));
    }
}

/* The number of pixels is in the multiplier. */
void mean(const Step *step, const int8_t *x, int8_t *out)
{
    size_t C = (size_t)step->in.C;
    for (size_t c = 0; c < C; c++) {
        int32_t sum = 0;
        for (size_t i = c; i < count(step->in); i += C)
            sum += x[i] - step->zero_x;
        out[c] = code(step, rescale(step, sum, 0));
    }
}

/* Codes of one scale and zero point, in and out: their own mean, a tie away from 0. */
void average_pool(const Step *step, const int8_t *x, int8_t *out)
{
    size_t C = (size_t)step->in.C;
    int32_t pixels = step->in.H * step->in.W;
    for (size_t c = 0; c < C; c++) {
        int32_t sum = 0;
        for (size_t i = c; i < count(step->in); i += C)
            sum += x[i];
        out[c] = (int8_t)((sum < 0 ? sum - pixels / 2 : sum + pixels / 2) / pixels); /* division drops the fraction */
    }
}

/* A function of one number is a table of 256. */
void look_up(const Step *step, const int8_t *x, int8_t *out)
{
    for (size_t i = 0; i < count(step->out); i++)
        out[i] = step->table[x[i] + 128];
}

void evaluate(const Step *step, const int8_t *x, const int8_t *y, int8_t *out)
{
    switch (step->op) {
    case CONVOLUTION:
    case DEPTHWISE:
    case DENSE: products(step, x, out); break;
    case ADD: add(step, x, y, out); break;
    case MULTIPLY:
    case EXCITE: multiply(step, x, y, out); break;
    case MEAN: mean(step, x, out); break;
    case AVERAGE_POOL: average_pool(step, x, out); break;
    case TABLE: look_up(step, x, out); break;
    case SOFTMAX: softmax(step, x, out); break;
    }
}
