/* The same run on a Cortex-M without an operating system or a C library: from reset, the picture in flash, the digests
 * to the debugger (Arm's semihosting, which qemu has as well). On a board, `say` is what has to be replaced. */
#include <string.h>

#include "../run.h"
#include "picture.h"

extern uint32_t bss_begin[], bss_end[], stack_top[]; /* of link.ld */

void reset(void);

/* Operations of the debugger, by the number in r0. */
enum { WRITE0 = 4, EXIT = 24 };

static void semihosting(int operation, uintptr_t argument)
{
    register int r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void say(const char *text)
{
    semihosting(WRITE0, (uintptr_t)text);
}

static void leave(int failed)
{
    semihosting(EXIT, failed ? 0x20023 : 0x20026); /* an error at run time; an application's end */
    for (;;)
        ;
}

static void fault(void)
{
    say("a fault of the processor\n");
    leave(1);
}

static void report(const char *name, Shape shape, int is_vector, const int8_t *codes)
{
    char hex[65];
    digest(shape, is_vector, codes, hex);
    say(name);
    say(" ");
    say(hex);
    say("\n");
}

static void visit(const Step *step, const int8_t *x, const int8_t *out)
{
    (void)x;
    report(step->name, step->out, step->is_vector, out);
}

static void say_number(int number)
{
    char digits[12], *first = digits + sizeof digits - 1;
    *first = '\0';
    do
        *--first = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    say(first);
}

void reset(void)
{
    memset(bss_begin, 0, (size_t)((char *)bss_end - (char *)bss_begin));
    memcpy(input(), picture, sizeof picture);
    report("input", picture_shape, 0, input());
    const int8_t *answer = run(visit);
    say("top-1 ");
    say_number(top_1(answer));
    say("\n");
    leave(0);
}

typedef void Handler(void);

/* What the processor reads first: the stack, then where to begin, then where to go with each kind of fault. */
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    Handler *handlers[15];
} vectors = {
    stack_top,
    {reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault},
};
