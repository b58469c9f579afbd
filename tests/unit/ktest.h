/*
 * ktest.h: unit tests, the same hosted and booted.
 *
 * A test is a function that the linker collects; one that returns without a
 * failed CHECK passed:
 *
 *	TEST(refcount_last_release)
 *	{
 *		refcount_t rc;
 *
 *		refcount_init(&rc, 1);
 *		CHECK(refcount_release(&rc));
 *	}
 *
 * Tests run one after another in one thread that holds no lock, may sleep,
 * and has preemption and interrupts on.  Each must leave as many free pages
 * as it found.
 */
#ifndef KTEST_H
#define KTEST_H

#include <sys/types.h>

struct thread;

struct ktest {
	const char *kt_name;
	const char *kt_file;
	void (*kt_fn)(void);
};

/*
 * The linker gathers pointers, not the structures: an array of pointers has
 * no padding to guess.
 */
#define TEST(name)                                                             \
	static void ktest_fn_##name(void);                                     \
	static const struct ktest ktest_##name = {#name, __FILE__,             \
	    ktest_fn_##name};                                                  \
	static const struct ktest *const ktest_ptr_##name                      \
	    __attribute__((used, section("ktests"))) = &ktest_##name;          \
	static void ktest_fn_##name(void)

/*
 * CHECK: the current test fails unless e; says where and how to repeat it,
 *	and goes on.  The value is e, so that a test can give up:
 *	if (!CHECK(p != NULL)) return;
 */
#define CHECK(e) ktest_check((e) ? true : false, __FILE__, __LINE__, #e)
bool ktest_check(bool ok, const char *file, int line, const char *expr);

/*
 * ktest_run: run every test that filter names and print the results as TAP,
 *	then the line "N passed, N failed".  filter is a list of names
 *	separated by commas or spaces, each of which may end in * to stand
 *	for all that begin so; NULL or "" is all.  Returns how many tests
 *	failed; a filter that matches nothing counts as one.
 *	Thread context, no lock held.
 */
u_int ktest_run(const char *filter, uint32_t seed);

/* For the booted image: run what filter names; 0 or the number that failed. */
int ktest_boot(const char *filter);

/* Print the names of all tests, one to a line. */
void ktest_list(void);

/*
 * Set before ktest_run() by whoever knows the machine.
 * ktest_free_pages: the number of free pages once caches and deferred frees
 *	are drained; NULL: not checked.
 * ktest_replay: the command that repeats one test, up to the seed and name.
 * ktest_reseed: told a number that follows from seed and name before each
 *	test, so that one test alone runs as it does among others; or NULL.
 */
extern u_long (*ktest_free_pages)(void);
extern const char *ktest_replay;
extern void (*ktest_reseed)(uint64_t seed);

/* The seed of this run, and numbers that follow from it and the test name. */
extern uint32_t ktest_seed;
uint32_t ktest_random(void);

/*
 * ktest_spawn: start a thread that calls fn(arg) and ends.  At most
 *	KTEST_NTHREAD at a time.
 * ktest_join: wait until td is gone and its stack is free.
 * ktest_panics: call fn(arg) in a thread of its own and wait for it.  True
 *	when it panicked with a message that contains want.  The locks that
 *	fn held then stay locked and are to be forgotten.
 * All from the thread that runs the tests; they sleep.
 */
#define KTEST_NTHREAD 8
struct thread *ktest_spawn(void (*fn)(void *), void *arg);
void ktest_join(struct thread *td);
bool ktest_panics(void (*fn)(void *), void *arg, const char *want);

#endif
