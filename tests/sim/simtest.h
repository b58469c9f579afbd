/*
 * simtest.h: the engine's own tests (detunit).
 */
#ifndef SIMTEST_H
#define SIMTEST_H

#include <stdbool.h>

/* One line of the report. */
void sim_result(bool ok, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void litmus_tests(void);
void toy_tests(void);
void engine_tests(void);
void mmu_tests(void);
void refcount_tests(void);

#endif
