/* Every rounding of the program. Intermediate results have 64 bits where 32 do not hold them. */
#include "rounding.h"

#if (-1 >> 1) != -1
#error "a shift to the right must keep the sign"
#endif

static int64_t half(int bits)
{
    return ((int64_t)1 << bits) >> 1; /* 0 where no bit is dropped */
}

int64_t shift_half_up(int64_t x, int bits)
{
    return (x + half(bits)) >> bits;
}

int64_t shift_half_away(int64_t x, int bits)
{
    return x < 0 ? -((-x + half(bits)) >> bits) : (x + half(bits)) >> bits;
}

int32_t high_product(int32_t x, int32_t y)
{
    int64_t high = shift_half_up((int64_t)x * y, 31);
    return high > INT32_MAX ? INT32_MAX : (int32_t)high; /* only -2^31 * -2^31 is too large */
}

static int32_t left_then_high(int32_t total, int32_t multiplier, int shift)
{
    int32_t factor = shift > 0 ? (int32_t)1 << shift : 1; /* a shift of what may be negative */
    return high_product(total * factor, multiplier);
}

int32_t round_twice(int32_t total, int32_t multiplier, int shift)
{
    return (int32_t)shift_half_away(left_then_high(total, multiplier, shift), shift < 0 ? -shift : 0);
}

int32_t round_twice_up(int32_t total, int32_t multiplier, int shift)
{
    return (int32_t)shift_half_up(left_then_high(total, multiplier, shift), shift < 0 ? -shift : 0);
}

int32_t round_once(int32_t total, int32_t multiplier, int shift)
{
    return (int32_t)shift_half_up((int64_t)total * multiplier, 31 - shift);
}

int32_t round_never(int32_t total, int32_t multiplier, int shift)
{
    return (int32_t)(((int64_t)total * multiplier) >> (31 - shift));
}

int32_t shift_only(int32_t total, int shift)
{
    return shift < 0 ? (int32_t)shift_half_up(total, -shift) : total * ((int32_t)1 << shift);
}
