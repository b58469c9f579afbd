/*
 * ktest.c: runs unit tests and counts what fails.
 *
 * Everything belongs to the one thread that calls ktest_run(), except the
 * failure count, which the threads that a test spawns also raise.
 */
#include "ktest.h"

#include <stdatomic.h>
#include <sys/types.h>
#include <machine/param.h>
#include <base/kassert.h>
#include <base/print.h>
#include <base/thread.h>

u_long (*ktest_free_pages)(void);
const char *ktest_replay = "unit --seed";
void (*ktest_reseed)(uint64_t seed);
uint32_t ktest_seed;

/* The linker's bounds of the section that TEST() fills. */
extern const struct ktest *const __start_ktests[] __attribute__((weak));
extern const struct ktest *const __stop_ktests[] __attribute__((weak));

static const struct ktest *running;
static _Atomic(u_int) failures; /* of the running test */
static _Atomic(uint64_t) random_state;

/*
 * A thread of a test, on a stack of its own.
 *
 * Protection:
 *	r	the thread that runs the tests
 *	t	set before slot_td starts, then its own until slot_gone
 *	l	slot_lock
 */
struct slot {
	struct thread slot_td;   /* [t] */
	void (*slot_fn)(void *); /* [t] */
	void *slot_arg;          /* [t] */
	const char *slot_want;   /* [t] panic message to survive */
	bool slot_panicked;      /* [t] */
	bool slot_gone;          /* [l] the stack is no longer used */
	bool slot_used;          /* [r] */
	uint8_t slot_stack[KSTACK_SIZE] __aligned(PAGE_SIZE); /* [t] */
};
static struct slot slots[KTEST_NTHREAD];
static struct spin slot_lock = SPIN_INITIALIZER(RANK_SIG);

/* The names of the filter that match end in * or are the test's own. */
static bool
matches(const char *filter, const char *name)
{
	const char *end;
	size_t len;

	if (filter == NULL || *filter == '\0')
		return true;
	for (; *filter != '\0'; filter = end) {
		for (end = filter; *end != '\0' && *end != ',' && *end != ' ';)
			end++;
		len = (size_t)(end - filter);
		if (len > 0 && filter[len - 1] == '*') {
			if (strncmp(filter, name, len - 1) == 0)
				return true;
		} else if (len > 0 && strlen(name) == len &&
			   strncmp(filter, name, len) == 0)
			return true;
		while (*end == ',' || *end == ' ')
			end++;
	}
	return false;
}

static void
print_replay(void)
{
	kprintf("#   replay: %s %u %s\n", ktest_replay, ktest_seed,
	    running->kt_name);
}

bool
ktest_check(bool ok, const char *file, int line, const char *expr)
{
	if (ok)
		return true;
	kprintf("# %s:%d: CHECK(%s) failed\n", file, line, expr);
	if (atomic_fetch_add_explicit(&failures, 1, memory_order_relaxed) == 0)
		print_replay();
	return false;
}

/* SplitMix64 (Steele, Lea, Flood, 2014): every state is a good one. */
uint32_t
ktest_random(void)
{
	uint64_t z;

	z = atomic_fetch_add_explicit(&random_state, 0x9e3779b97f4a7c15,
	    memory_order_relaxed);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (uint32_t)(z >> 32);
}

/* Start the numbers of one test where no other test leaves its mark. */
static void
seed_random(const char *name)
{
	uint64_t h = ktest_seed;

	for (; *name != '\0'; name++)
		h = (h ^ (u_char)*name) * 0x100000001b3;
	atomic_store_explicit(&random_state, h, memory_order_relaxed);
	if (ktest_reseed != NULL)
		ktest_reseed(h);
}

/* Run one test.  True: it passed and gave back every page. */
static bool
run(const struct ktest *kt)
{
	u_long before = 0, after;

	running = kt;
	atomic_store_explicit(&failures, 0, memory_order_relaxed);
	seed_random(kt->kt_name);
	if (ktest_free_pages != NULL)
		before = ktest_free_pages();
	kt->kt_fn();
	KASSERT(lock_none());
	base_verify();
	if (ktest_free_pages != NULL) {
		after = ktest_free_pages();
		if (after != before) {
			kprintf("# %s: free pages %lu before, %lu after\n",
			    kt->kt_file, before, after);
			if (atomic_fetch_add_explicit(&failures, 1,
				memory_order_relaxed) == 0)
				print_replay();
		}
	}
	return atomic_load_explicit(&failures, memory_order_relaxed) == 0;
}

u_int
ktest_run(const char *filter, uint32_t seed)
{
	const struct ktest *const *p;
	u_int n = 0, ran = 0, passed = 0;
	bool ok;

	ktest_seed = seed;
	for (p = __start_ktests; p < __stop_ktests; p++)
		n += matches(filter, (*p)->kt_name);
	kprintf("TAP version 13\n1..%u\n", n);
	for (p = __start_ktests; p < __stop_ktests; p++) {
		if (!matches(filter, (*p)->kt_name))
			continue;
		ok = run(*p);
		ran++;
		passed += ok;
		kprintf("%s %u - %s\n", ok ? "ok" : "not ok", ran,
		    (*p)->kt_name);
	}
	KASSERT(ran == n);
	if (ran == 0)
		kprintf("# no test is called %s\n", filter);
	kprintf("%u passed, %u failed\n", passed, ran - passed);
	return ran == 0 ? 1 : ran - passed;
}

int
ktest_boot(const char *filter)
{
	ktest_replay = "KTEST=NAME ./run # seed";
	return (int)ktest_run(filter, 1);
}

void
ktest_list(void)
{
	const struct ktest *const *p;

	for (p = __start_ktests; p < __stop_ktests; p++)
		kprintf("%s\n", (*p)->kt_name);
}

/* On another stack: the slot can be used again. */
static void
slot_done(struct thread *td)
{
	struct slot *s = container_of(td, struct slot, slot_td);

	spin_enter(&slot_lock);
	s->slot_gone = true;
	wakeup(s);
	spin_exit(&slot_lock);
}

static void
slot_main(void *arg)
{
	struct slot *s = arg;

	s->slot_fn(s->slot_arg);
	thread_exit(slot_done);
}

static struct slot *
slot_start(void (*fn)(void *), void *arg, const char *want)
{
	struct slot *s;

	for (s = slots; s < slots + nitems(slots) && s->slot_used; s++)
		continue;
	KASSERT(s < slots + nitems(slots));
	s->slot_used = true;
	s->slot_fn = fn;
	s->slot_arg = arg;
	s->slot_want = want;
	s->slot_panicked = false;
	s->slot_gone = false;
	thread_init(&s->slot_td, s->slot_stack, "ktest", slot_main, s);
	thread_ready(&s->slot_td);
	return s;
}

struct thread *
ktest_spawn(void (*fn)(void *), void *arg)
{
	return &slot_start(fn, arg, NULL)->slot_td;
}

void
ktest_join(struct thread *td)
{
	struct slot *s = container_of(td, struct slot, slot_td);

	KASSERT(s->slot_used);
	spin_enter(&slot_lock);
	while (!s->slot_gone)
		sleep_spin(s, &slot_lock, 0, 0, "ktest");
	spin_exit(&slot_lock);
	thread_fini(td);
	s->slot_used = false;
}

/*
 * A panic in a thread that expects one ends the thread.  It may hold locks;
 * nobody will wait for them again.
 */
static void
survive(const char *msg)
{
	struct thread *td = curthread();
	struct slot *s;

	for (s = slots; s < slots + nitems(slots); s++)
		if (s->slot_used && td == &s->slot_td)
			break;
	if (s == slots + nitems(slots) || s->slot_want == NULL)
		return;
	if (strstr(msg, s->slot_want) == NULL)
		return;
	s->slot_panicked = true;
	s->slot_want = NULL;
	thread_abandon(slot_done);
}

bool
ktest_panics(void (*fn)(void *), void *arg, const char *want)
{
	void (*saved)(const char *) = panic_hook;
	struct slot *s;
	bool panicked;

	KASSERT(want != NULL);
	panic_hook = survive;
	s = slot_start(fn, arg, want);
	ktest_join(&s->slot_td);
	panicked = s->slot_panicked;
	panic_hook = saved;
	return panicked;
}
