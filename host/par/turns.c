/*
 * turns.c: interrupts, waiting, and time.
 *
 * A CPU that waits sleeps on a word of its own (p_go) and says for what, under
 * turn_lock.  So one lock knows when nobody runs, and whoever is the last to
 * wait decides what happens then (settle()).  Nothing depends on how long
 * anything takes: the host may leave any thread without a processor for as
 * long as it likes, and is not taken for a CPU that waits in vain.
 *
 * Interrupts wake who can take them.  A spin loop is harder: what it reads may
 * be written by anybody.  Who has gone round it for long sleeps, and looks
 * again each time that something is new: `news' counts the times that a CPU
 * which had changed something began to wait.  (It also looks now and then
 * while others run.)  Whether a CPU has changed something is known from its
 * atomic operations: a digest of the words and values that they took away and
 * put there, which a loop that takes a lock and releases it leaves as it was.
 * Plain stores need not be seen, because who reads them has read an atomic
 * word first, or a lock; for the case that one was taken and released,
 * everybody goes round his loop again, alone, before time passes.
 *
 * When nobody runs and nobody has news to look at:
 *	- who asked for calm has it;
 *	- loops that have a limit reach it: FORCED more turns for each;
 *	- time jumps to the first timer, whose interrupts wake somebody;
 *	- there is no timer: a deadlock.
 * This is what the deterministic engine does, in the same order.
 *
 * Not instrumented.  A raised line orders what was before it before its
 * handler, as it does on a machine.  Nothing else here is told to the
 * sanitizer.
 *
 * Locks: turn_lock, see struct pcpu.
 */
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "parp.h"

#define SPINS  100  /* turns of a loop, that change nothing, before it sleeps */
#define TURNS  3000 /* turns of any loop before it sleeps */
#define FORCED 300  /* more than the limit of any loop in the kernel */
#define LOOK   100000L /* ns from one look to the next while others run */
#define JUMPS  50000   /* times that time passes in an execution */

/* ThreadSanitizer's interface; <sanitizer/tsan_interface.h> is not gcc's. */
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);

static struct hostlock turn_lock;
static uint64_t news = 1;
static unsigned jumps;           /* [turn_lock] */
static __thread bool time_flies; /* in dm_quiet(), with turn_lock */

/*
 * The host.
 */
void
par_sleep(_Atomic(uint32_t) *word, uint32_t val, long ns)
{
	struct timespec ts = {0, ns};

	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, val,
	    ns != 0 ? &ts : NULL, NULL, 0);
}

void
par_wake(_Atomic(uint32_t) *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL,
	    0);
}

static void
relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

void
par_lock(struct hostlock *l)
{
	uint32_t free;
	unsigned n;

	for (n = 0; n < 100; n++) {
		free = 0;
		if (atomic_compare_exchange_weak_explicit(&l->hl_word, &free, 1,
			memory_order_acquire, memory_order_relaxed))
			return;
		relax();
	}
	while (
	    atomic_exchange_explicit(&l->hl_word, 2, memory_order_acquire) != 0)
		par_sleep(&l->hl_word, 2, 0);
}

void
par_unlock(struct hostlock *l)
{
	if (atomic_exchange_explicit(&l->hl_word, 0, memory_order_release) == 2)
		(void)syscall(SYS_futex, &l->hl_word, FUTEX_WAKE_PRIVATE, 1,
		    NULL, NULL, 0);
}

void
par_late(unsigned one_in)
{
	struct pcpu *p = par_me();
	uint64_t r;
	unsigned n;

	if (p == NULL || !det_exploring())
		return;
	r = par_rnd(p);
	if (r % one_in != 0)
		return;
	r /= one_in;
	if (r % 64 == 0)
		usleep((useconds_t)(r >> 8) % 50); /* a switch of the host's */
	else
		for (n = (unsigned)(r >> 8) % 1000; n > 0; n--)
			relax();
}

/*
 * Who goes on.
 */
static uint64_t
mixed(uintptr_t a, uint64_t val)
{
	uint64_t h = (a ^ val * 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;

	h = (h ^ h >> 29 ^ a << 32) * 0x94d049bb133111ebu;
	return h ^ h >> 32;
}

void
par_changed(uintptr_t a, uint64_t old, uint64_t new)
{
	struct pcpu *p = par_me();

	if (old != new &&p != NULL)
		p->p_digest ^= mixed(a, old) ^ mixed(a, new);
}

void
par_acted(struct pcpu *p)
{
	p->p_digest += mixed(p->p_turns, p->p_digest) | 1;
	p->p_turns = 0;
}

static bool
can_interrupt(const struct pcpu *p)
{
	return atomic_load(&p->p_irqs) != 0 &&
	       (p->p_state == P_IDLE || p->p_intr);
}

/* p, which waits, is to look again. */
static void
go(struct pcpu *p)
{
	p->p_state = P_RUN;
	p->p_began = news;
	atomic_store(&p->p_go, 1);
	if (p != par_me())
		par_wake(&p->p_go);
}

/* Who spins and has not seen all the news looks.  Whether there was one. */
static bool
spinners_look(void)
{
	struct pcpu *p;
	bool any = false;

	for (p = par_cpus; p < par_cpus + par_dm->dm_ncpu; p++)
		if (p->p_state == P_SPIN && p->p_looked != news) {
			go(p);
			any = true;
		}
	return any;
}

static bool
calm_found(void)
{
	struct pcpu *p;

	for (p = par_cpus; p < par_cpus + par_dm->dm_ncpu; p++)
		if (p->p_state == P_CALM) {
			p->p_calmed = true;
			go(p);
			return true;
		}
	return false;
}

/* All its turns by one, if possible by who is awake anyway. */
static bool
spin_on(struct pcpu *me)
{
	struct pcpu *p, *q = NULL;

	for (p = par_cpus; p < par_cpus + par_dm->dm_ncpu; p++)
		if (p->p_state == P_SPIN && p->p_forced < FORCED &&
		    (q == NULL || p == me))
			q = p;
	if (q == NULL)
		return false;
	q->p_forced++;
	go(q);
	return true;
}

static bool
anybody_runs(void)
{
	const struct pcpu *p;

	for (p = par_cpus; p < par_cpus + par_dm->dm_ncpu; p++)
		if (p->p_state == P_RUN)
			return true;
	return false;
}

/* A program waits for a flag of its script at no address. */
static const char *
where(const struct pcpu *p, char *buf, size_t len)
{
	return p->p_spinpc == 0 ? "its program"
				: det_name(p->p_spinpc, buf, len);
}

static void
stuck(void)
{
	static const char *const states[] = {"off", "runs", "spins in ", "idle",
	    "waits"};
	char buf[200], name[64];
	const struct pcpu *p;
	size_t n = 0;

	for (p = par_cpus; p < par_cpus + par_dm->dm_ncpu && n < sizeof buf - 1;
	     p++)
		n += (size_t)snprintf(buf + n, sizeof buf - n, " cpu%u %s%s",
		    p->p_id, states[p->p_state],
		    p->p_state == P_SPIN ? where(p, name, sizeof name) : "");
	det_fail("deadlock:%s", buf);
}

/* Nobody can do anything: time passes. */
static void
jump(void)
{
	enum det_quiet q;

	if (++jumps > JUMPS)
		det_fail("livelock: no end after %u timers", JUMPS);
	news++;
	time_flies = true;
	do
		q = par_dm->dm_quiet != NULL ? par_dm->dm_quiet() : DET_STUCK;
	while (q == DET_MORE && !anybody_runs());
	time_flies = false;
	if (q != DET_MORE)
		stuck();
}

/* This CPU, p, begins to wait: is there anybody left? */
static void
settle(struct pcpu *p)
{
	if (!anybody_runs() && !spinners_look() && !calm_found() && !spin_on(p))
		jump();
}

/* What p did since it waited the last time can be of interest to others. */
static void
tell(struct pcpu *p)
{
	struct pcpu *q;

	if (p->p_digest == p->p_waited)
		return;
	p->p_waited = p->p_digest;
	/* To itself it is none. */
	if (p->p_began == news++)
		p->p_began = news;
	for (q = par_cpus; q < par_cpus + par_dm->dm_ncpu; q++)
		q->p_forced = 0;
	(void)spinners_look();
}

/*
 * Wait.  Returns when there may be a reason not to, which the caller looks
 * for; at the latest with an interrupt that can be handled.
 */
static void
wait_turn(struct pcpu *p, enum pstate state)
{
	long ns = state == P_SPIN ? LOOK : 0;

	if (atomic_load(&par_over) != OVER_NOT)
		par_park();
	par_lock(&turn_lock);
	tell(p);
	atomic_store(&p->p_go, 0);
	p->p_state = state;
	p->p_looked = p->p_began;
	p->p_calmed = false;
	if (can_interrupt(p))
		go(p);
	else
		settle(p);
	par_unlock(&turn_lock);
	while (atomic_load(&p->p_go) == 0) {
		par_sleep(&p->p_go, 0, ns);
		if (ns == 0 || atomic_load(&p->p_go) != 0)
			continue;
		par_lock(&turn_lock);
		if (p->p_state == state)
			go(p);
		par_unlock(&turn_lock);
	}
	if (atomic_load(&par_over) != OVER_NOT)
		par_park();
}

void
par_start(struct pcpu *p)
{
	par_lock(&turn_lock);
	p->p_state = P_RUN;
	par_unlock(&turn_lock);
}

void
par_stop(struct pcpu *p)
{
	par_lock(&turn_lock);
	tell(p);
	p->p_state = P_OFF;
	settle(p);
	par_unlock(&turn_lock);
}

/*
 * Interrupts.
 */
bool
par_irqs(void)
{
	struct pcpu *p = par_me();
	uint32_t irqs;
	bool any = false;

	if (atomic_load_explicit(&par_over, memory_order_relaxed) != OVER_NOT)
		par_park();
	while (p->p_intr && p->p_step == 0 &&
	       (irqs = atomic_load_explicit(&p->p_irqs,
		    memory_order_acquire)) != 0) {
		any = true;
		irqs &= -irqs;
		atomic_fetch_and_explicit(&p->p_irqs, ~irqs,
		    memory_order_acquire);
		__tsan_acquire(&p->p_irqs);
		p->p_intr = false;
		par_acted(p);
		par_dm->dm_irq(p->p_id, (unsigned)__builtin_ctz(irqs));
		p = par_me();
		p->p_intr = true;
		par_acted(p);
	}
	return any;
}

bool
det_intr_enabled(void)
{
	return par_me() != NULL && par_me()->p_intr;
}

bool
det_intr_disable(void)
{
	struct pcpu *p = par_me();
	bool was = p != NULL && p->p_intr;

	if (p != NULL)
		p->p_intr = false;
	return was;
}

void
det_intr_restore(bool enable)
{
	struct pcpu *p = par_me();

	if (p == NULL)
		return;
	p->p_intr = enable;
	if (enable)
		par_irqs();
}

void
det_irq_raise(unsigned cpu, unsigned line)
{
	struct pcpu *p = &par_cpus[cpu];

	if (!time_flies) {
		__tsan_release(&p->p_irqs);
		par_lock(&turn_lock);
	}
	atomic_fetch_or(&p->p_irqs, 1u << line);
	if (p->p_state != P_OFF && p->p_state != P_RUN && can_interrupt(p))
		go(p);
	if (!time_flies)
		par_unlock(&turn_lock);
}

/*
 * Waiting.
 */
void
det_idle(void)
{
	struct pcpu *p = par_me();

	while (atomic_load(&p->p_irqs) == 0)
		wait_turn(p, P_IDLE);
	p->p_intr = true;
	par_irqs();
	par_me()->p_intr = false;
}

void
det_relax(uintptr_t pc)
{
	struct pcpu *p = par_me();

	if (p == NULL)
		return;
	if (par_irqs()) {
		par_me()->p_spins = 0;
		return;
	}
	if (pc != p->p_spinpc)
		p->p_turns = 0;
	if (p->p_turns == 0 || p->p_turned != p->p_digest)
		p->p_spins = 0;
	p->p_spinpc = pc;
	p->p_turned = p->p_digest;
	if (++p->p_spins < SPINS && ++p->p_turns < TURNS)
		relax();
	else
		wait_turn(p, P_SPIN);
	par_irqs();
}

void
det_calm(void)
{
	struct pcpu *p;

	do {
		par_irqs();
		p = par_me();
		wait_turn(p, P_CALM);
	} while (!p->p_calmed);
}
