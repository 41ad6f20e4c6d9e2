/* Softmax in fixed point: gemmlowp's exponential and reciprocal, bit by bit.
 *
 * Qm.n is an int32_t with n bits behind the point: the number it stands for is the integer over 2^n. */
#include "refnet.h"
#include "rounding.h"

#define ARGUMENT_BITS 26 /* Q5.26: differences from the largest code, down to -32 */
#define QUARTER ((int32_t)1 << (ARGUMENT_BITS - 2))
#define SUM_BITS 12                                /* before the point of Q12.19 */
#define ONE INT32_MAX                              /* in Q0.31, which does not reach 1 */
#define EXP_OF_MINUS_EIGHTH ((int32_t)1895147668)  /* in Q0.31 */
#define THIRD ((int32_t)715827883)                 /* in Q0.31 */
#define RATIO_48_17 ((int32_t)1515870810)          /* in Q2.29 */
#define RATIO_MINUS_32_17 ((int32_t)(-1010580540)) /* in Q2.29 */

/* exp(-1/4), exp(-1/2), exp(-1), ... exp(-16), in Q0.31. */
static const int32_t exp_of_minus_powers[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};

static int32_t rounded_shift(int32_t x, int bits)
{
    return (int32_t)shift_half_away(x, bits);
}

/* x * 2^bits, as near as 32 bits come. */
static int32_t raised(int32_t x, int bits)
{
    int64_t wide = (int64_t)x * ((int64_t)1 << bits);
    return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

/* exp of a, -1/4 to below 0, in Q0.31: Taylor's polynomial of degree 4 about -1/8. */
static int32_t exp_near_minus_eighth(int32_t a)
{
    int32_t x = a + ((int32_t)1 << 28);
    int32_t x2 = high_product(x, x);
    int32_t x3 = high_product(x2, x), x4 = high_product(x2, x2);
    int32_t tail = rounded_shift(high_product(rounded_shift(x4, 2) + x3, THIRD) + x2, 1);
    return EXP_OF_MINUS_EIGHTH + high_product(EXP_OF_MINUS_EIGHTH, x + tail);
}

/* exp of a, at most 0, in Q5.26, to Q0.31: of what is left after whole quarters, then times a constant for each bit. */
static int32_t exp_of_negative(int32_t a)
{
    if (a == 0)
        return ONE;
    int32_t rest = (a & (QUARTER - 1)) - QUARTER;
    int32_t quarters = rest - a;
    int32_t result = exp_near_minus_eighth(rest * 32); /* Q5.26 to Q0.31 */
    for (int power = 0; power < 7; power++)
        if (quarters & (QUARTER << power))
            result = high_product(result, exp_of_minus_powers[power]);
    return result;
}

/* 1 / (1 + f) in Q0.31, of f in Q0.31: Newton's iteration from 48/17 - 32/17 d, for the half d of the denominator. */
static int32_t reciprocal(int32_t f)
{
    int32_t half = (int32_t)shift_half_away((int64_t)f + ONE, 1);
    int32_t x = RATIO_48_17 + high_product(half, RATIO_MINUS_32_17);
    for (int iteration = 0; iteration < 3; iteration++) {
        int32_t missing = ((int32_t)1 << 29) - high_product(half, x);
        x = x + raised(high_product(x, missing), 2);
    }
    return raised(x, 1);
}

static int leading_zeros(int32_t x)
{
    int zeros = 0;
    while (zeros < 31 && !((uint32_t)x >> (31 - zeros)))
        zeros++;
    return zeros;
}

/* exp of code - largest, in Q0.31; whether it counts at all. */
static int exp_of_difference(const Step *step, int difference, int32_t *e)
{
    int shift = step->shift[0];
    if (difference < -(int)(((int64_t)31 << ARGUMENT_BITS) >> shift))
        return 0;
    *e = exp_of_negative(high_product(difference * ((int32_t)1 << shift), step->multiplier[0]));
    return 1;
}

/* e = exp of each difference from the largest; their sum in Q12.19; its reciprocal; e times that, to 8 bits. */
void softmax(const Step *step, const int8_t *x, int8_t *out)
{
    int largest = x[0];
    for (int k = 1; k < step->in.C; k++)
        largest = x[k] > largest ? x[k] : largest;
    int32_t total = 0, e;
    for (int k = 0; k < step->in.C; k++)
        if (exp_of_difference(step, x[k] - largest, &e))
            total += rounded_shift(e, SUM_BITS);
    int headroom = leading_zeros(total); /* total is (1 + f) / 2^headroom, shifted */
    int32_t inverse = reciprocal((int32_t)(((uint32_t)total << headroom) - ((uint32_t)1 << 31)));
    for (int k = 0; k < step->in.C; k++) {
        int64_t q = 0;
        if (exp_of_difference(step, x[k] - largest, &e))
            q = shift_half_away(high_product(inverse, e), SUM_BITS - headroom + 31 - 8);
        q = q + step->zero_out;
        out[k] = (int8_t)(q > step->high ? step->high : q);
    }
}
