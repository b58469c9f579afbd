/*
 * user.c: the two programs, in one image; the argument says which.
 */
#include "demo.h"

#if defined(__x86_64__)
__asm__(".section .text.first, \"ax\"\n.globl _start\n_start: call run\n");
#else
__asm__(".section .text.first, \"ax\"\n.globl _start\n_start: bl run\n");
#endif

__attribute__((noreturn)) void run(uint64_t which);

static uint64_t
call(uint64_t number, uint64_t arg)
{
#if defined(__x86_64__)
	__asm__ volatile("int $0x80" : "+a"(number) : "D"(arg) : "memory");
	return number;
#else
	register uint64_t x8 __asm__("x8") = number;
	register uint64_t x0 __asm__("x0") = arg;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8) : "memory");
	return x0;
#endif
}

/* Texts are read 79 bytes at a time; the image is longer than that. */
static void
print(const char *s)
{
	call(CALL_PRINT, (uint64_t)(uintptr_t)s);
}

static volatile int shared = 1;

/* A child changes what it inherited; its parent must not see it. */
static int
cow(void)
{
	uint64_t status;

	if (call(CALL_FORK, 0) == 0) {
		shared = 42;
		call(CALL_EXIT, (uint64_t)shared);
	}
	status = call(CALL_WAIT, 0);
	if (shared != 1 || status != 42)
		return 1;
	print("cow: parent has 1, child had 42\n");
	return 0;
}

#define LEN   0x400000ul
#define PAGE  4096ul
#define DEPTH 60u

static unsigned
deep(unsigned n)
{
	volatile char frame[PAGE];

	frame[0] = (char)n;
	return n == 0 ? 0 : deep(n - 1) + (frame[0] == (char)n);
}

/* Children fill memory and stacks of their own; exit gives all of it back. */
static int
fill(void)
{
	volatile uint64_t *p = (uint64_t *)call(CALL_MAP, LEN);
	uint64_t before, after;
	size_t i, child;

	if (p == NULL || deep(DEPTH) != DEPTH)
		return 1;
	for (i = 0; i < LEN / sizeof(*p); i += PAGE / sizeof(*p))
		p[i] = i;
	before = call(CALL_FREE, 0);
	for (child = 0; child < 3; child++)
		if (call(CALL_FORK, 0) == 0) {
			for (i = 0; i < LEN / sizeof(*p);
			     i += PAGE / sizeof(*p)) {
				if (p[i] != i)
					call(CALL_EXIT, 1);
				p[i] = child;
			}
			call(CALL_EXIT, call(CALL_FREE, 0) + 1024 > before);
		}
	for (child = 0; child < 3; child++)
		if (call(CALL_WAIT, 0) != 0)
			return 1;
	after = call(CALL_FREE, 0);
	if (after < before)
		return 1;
	print("fill: three children wrote 1024 pages each, and gave them back\n");
	return 0;
}

void
run(uint64_t which)
{
	call(CALL_EXIT, (uint64_t)(which == 1 ? cow() : fill()));
	__builtin_unreachable();
}
