/*
 * hosted.h: the two halves of bench/hosted: hosted.c sees the kernel's
 * headers, hosted_linux.c libc's.
 */
#ifndef HOSTED_H
#define HOSTED_H

#include <stdint.h>

/* What is measured, per page. */
enum op { TOUCH, PROTECT, FORK, COW, CHILD_EXIT, UNMAP, EXIT, NOP };

/* Cycles of a constant rate; nanoseconds where there is no such counter. */
uint64_t hosted_clock(void);

/* Before the machine is booted, whose memory would be copied by forks. */
void linux_start(void);

/* Keep in best[op] the least of what this run of Linux takes for npages. */
void linux_run(unsigned long npages, uint64_t best[NOP]);

/*
 * The least that any system with tables of entries and descriptors of pages does
 * for an operation: as loops over arrays of these, the frames in order or not;
 * what is touched and copied is memory that is there.
 */
void bound_run(unsigned long npages, int shuffled, uint64_t best[NOP]);

/* What clearing npages takes, memory that is there. */
uint64_t clear_run(unsigned long npages);

#endif
