/* How integers round: products of an int32_t with a real number, stored as multiplier * 2^(shift - 31). */
#ifndef ROUNDING_H
#define ROUNDING_H

#include <stdint.h>

int32_t round_twice(int32_t total, int32_t multiplier, int shift);    /* DOUBLE: TensorFlow Lite Micro, CMSIS-NN */
int32_t round_twice_up(int32_t total, int32_t multiplier, int shift); /* DOUBLE_UP */
int32_t round_once(int32_t total, int32_t multiplier, int shift);     /* SINGLE */
int32_t round_never(int32_t total, int32_t multiplier, int shift);    /* TRUNCATE */
int32_t shift_only(int32_t total, int shift);                         /* POWER_OF_TWO: no multiplier */

int32_t high_product(int32_t x, int32_t y); /* x * y / 2^31, a tie up */
int64_t shift_half_away(int64_t x, int bits); /* x / 2^bits, a tie away from 0 */
int64_t shift_half_up(int64_t x, int bits);   /* x / 2^bits, a tie up */

#endif
