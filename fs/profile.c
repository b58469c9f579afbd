/*
 * profile.c: /proc/vmspace/profile, where the time of all CPUs goes.
 *
 * While the profiler runs, every CPU notes at each turn of a period what it
 * was doing: the functions of the kernel that its clock interrupted, outermost
 * last, and, in front of them, what they are part of: "exit" and its phase
 * (kern/exit.c), or "life", which is all else.  A CPU that ran a program notes
 * "user", one without work "idle".  Reading gives a line for each stack, the
 * form that flame-graph scripts take.
 *
 * A stack is counted in a table that only its CPU writes, in its interrupt
 * handler, without a lock; what is published there stays until the sampler
 * runs nowhere.  Code with interrupts off shows where it turns them on again.
 */
#include <fs/procfs.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/cpu.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>

#define NDEPTH     29
#define NSTACK     1024u          /* of a CPU; a power of two */
#define PERIOD     1000000ull     /* ns */
#define PERIOD_MIN 20000ull       /* a sample takes some 2,000 instructions */
#define PERIOD_MAX 10000000000ull /* ten seconds */

/*
 * Protection:
 *	o	its CPU, interrupts off
 *	O	its CPU, before st_count is set
 *	a	C11 atomic
 *	p	profile_lock
 */
struct stack {
	_Atomic(u_int) st_count;     /* [a] 0: a free one */
	u_int st_n;                  /* [O] functions */
	const char *st_part;         /* [O] as in a line */
	const char *st_name[NDEPTH]; /* [O] innermost first */
};

struct samples {
	uint64_t sa_due;        /* [o] when the next one is */
	_Atomic(u_int) sa_lost; /* [a] samples without a free stack */
	struct stack sa_stack[NSTACK];
};

static struct mutex profile_lock = MUTEX_INITIALIZER(RANK_PROFILE);
static struct samples *samples[MAXCPU]; /* [p] while no sampler is set */
static uint64_t period;                 /* [p] as samples[] */

static bool
same(const struct stack *a, const struct stack *b)
{
	return a->st_n == b->st_n && a->st_part == b->st_part &&
	       memcmp(a->st_name, b->st_name, a->st_n * sizeof(char *)) == 0;
}

/* Where st is in sa, or has a place there; NULL: neither. */
static struct stack *
find(struct samples *sa, const struct stack *st)
{
	uintptr_t h = (uintptr_t)st->st_part;
	struct stack *at;
	u_int i;

	for (i = 0; i < st->st_n; i++)
		h = h * 31 + (uintptr_t)st->st_name[i];
	for (i = 0; i < NSTACK; i++) {
		at = &sa->sa_stack[(h + i) % NSTACK];
		if (atomic_load_explicit(&at->st_count, memory_order_acquire) ==
			0 ||
		    same(at, st))
			return at;
	}
	return NULL;
}

/* The clock of a CPU.  Interrupts off. */
static uint64_t
profile_sample(uint64_t now)
{
	struct samples *sa = samples[curcpu()->cpu_id];
	struct thread *td = curthread();
	struct stack st, *at;
	u_int n;

	if (sa == NULL)
		return UINT64_MAX; /* a CPU that came later */
	if (now < sa->sa_due)
		return sa->sa_due;
	sa->sa_due = now + period;

	st.st_n = 0;
	if (td == curcpu()->cpu_idle)
		st.st_part = "idle";
	else {
		st.st_n = md_interrupted(st.st_name, NDEPTH);
		st.st_part = st.st_n == 0 ? "user" : td->td_phase;
	}
	at = find(sa, &st);
	if (at == NULL) {
		atomic_fetch_add_explicit(&sa->sa_lost, 1,
		    memory_order_relaxed);
		return sa->sa_due;
	}
	n = atomic_load_explicit(&at->st_count, memory_order_relaxed);
	if (n == 0) {
		at->st_n = st.st_n;
		at->st_part = st.st_part;
		memcpy(at->st_name, st.st_name, st.st_n * sizeof(char *));
	}
	atomic_store_explicit(&at->st_count, n + 1, memory_order_release);
	return sa->sa_due;
}

/* Forget everything.  No sampler is set. */
static void
profile_reset(void)
{
	u_int id;

	KASSERT(mutex_held(&profile_lock));
	for (id = 0; id < MAXCPU; id++) {
		if (samples[id] != NULL)
			kmem_free(samples[id], sizeof(*samples[id]));
		samples[id] = NULL;
	}
}

/* Go on with what there is, a sample each ns from now on. */
static int
profile_start(uint64_t ns)
{
	u_int id;

	KASSERT(mutex_held(&profile_lock));
	period = ns;
	for (id = 0; id < cpu_count(); id++) {
		if (samples[id] == NULL)
			samples[id] = kmem_alloc(sizeof(*samples[id]), PA_ZERO);
		if (samples[id] == NULL)
			return ENOMEM;
		samples[id]->sa_due = 0;
	}
	cpu_sampler_set(profile_sample);
	return 0;
}

/* "start" or "start NS"; false: something else. */
static bool
parse_start(const char *s, uint64_t *ns)
{
	*ns = PERIOD;
	if (strncmp(s, "start", 5) != 0)
		return false;
	s += 5;
	if (*s == '\0')
		return true;
	if (*s++ != ' ' || *s == '\0')
		return false;
	for (*ns = 0; *s >= '0' && *s <= '9' && *ns <= PERIOD_MAX; s++)
		*ns = *ns * 10 + (uint64_t)(*s - '0');
	return *s == '\0' && *ns >= PERIOD_MIN && *ns <= PERIOD_MAX;
}

int
profile_write(struct pnode *pn __unused, char *text, size_t len __unused)
{
	bool stop = strcmp(text, "stop") == 0,
	     reset = strcmp(text, "reset") == 0;
	uint64_t ns = 0;
	int error = 0;

	if (!cred_is_root())
		return EPERM;
	if (!stop && !reset && !parse_start(text, &ns))
		return EINVAL;
	mutex_enter(&profile_lock);
	cpu_sampler_set(NULL);
	if (reset)
		profile_reset();
	else if (!stop)
		error = profile_start(ns);
	mutex_exit(&profile_lock);
	return error;
}

/* What CPUs from id on have counted of st, and whether one below has it. */
static u_long
sum(const struct stack *st, u_int id, bool *seen)
{
	struct stack *at;
	u_long n = 0;
	u_int i, count;

	*seen = false;
	for (i = 0; i < MAXCPU; i++) {
		at = samples[i] != NULL ? find(samples[i], st) : NULL;
		if (at == NULL)
			continue;
		count =
		    atomic_load_explicit(&at->st_count, memory_order_acquire);
		if (count == 0 || !same(at, st))
			continue;
		*seen = *seen || i < id;
		n += count;
	}
	return n;
}

static void
line(struct pbuf *pb, const struct stack *st, u_long count)
{
	const char *name, *dot;
	u_int i;

	if (st->st_n == 0)
		pb_puts(pb, st->st_part);
	else if (st->st_part == NULL)
		pb_puts(pb, "life");
	else
		pb_printf(pb, "exit;%s", st->st_part);
	for (i = st->st_n; i-- > 0;) {
		name = st->st_name[i] != NULL ? st->st_name[i] : "?";
		pb_puts(pb, ";");
		/* Without what the compiler appends. */
		dot = strchr(name, '.');
		pb_write(pb, name,
		    dot != NULL ? (size_t)(dot - name) : strlen(name));
	}
	pb_printf(pb, " %lu\n", count);
}

int
profile_show(struct pnode *pn __unused, struct pbuf *pb)
{
	const struct stack *st;
	u_long count, lost = 0;
	u_int id, i;
	bool seen;

	mutex_enter(&profile_lock);
	for (id = 0; id < MAXCPU; id++) {
		if (samples[id] == NULL)
			continue;
		lost += atomic_load_explicit(&samples[id]->sa_lost,
		    memory_order_relaxed);
		for (i = 0; i < NSTACK; i++) {
			st = &samples[id]->sa_stack[i];
			if (atomic_load_explicit(&st->st_count,
				memory_order_acquire) == 0)
				continue;
			count = sum(st, id, &seen);
			if (!seen)
				line(pb, st, count);
		}
	}
	if (lost > 0)
		pb_printf(pb, "lost %lu\n", lost);
	mutex_exit(&profile_lock);
	return 0;
}
