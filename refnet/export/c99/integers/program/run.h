/* The network from its input to its answer, in memory of fixed size. */
#ifndef RUN_H
#define RUN_H

#include "refnet.h"

/* Called after each step, while what it read and what it made are both still there. */
typedef void Visitor(const Step *step, const int8_t *x, const int8_t *out);

int8_t *input(void);                  /* where the picture's codes go before each run: other tensors lie there later */
const int8_t *run(Visitor *visitor);  /* returns the codes of the last step */
int top_1(const int8_t *answer);      /* the class of the largest code; of several, the first */

/* SHA-256 of dtype, shape and codes, as refnet defines it: 64 digits. */
void digest(Shape shape, int is_vector, const int8_t *codes, char hex[65]);

#endif
