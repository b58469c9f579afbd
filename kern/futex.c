/*
 * futex.c: waiting on a word of user memory.
 *
 * A waiter puts itself on its bucket before it looks at the word, because
 * looking may fault and so cannot be done under the bucket's spin lock.  It
 * loses no wake-up: whoever changes the word and then wakes finds it on the
 * bucket, or the look finds the changed word.
 *
 * Requeueing takes one bucket lock at a time; a waiter in between has no
 * bucket (NULL) and whoever needs it spins for that moment.
 *
 * Protection:
 *	I	constant
 *	a	C11 atomic
 *	g	fg_lock
 *	b	lock of the bucket that the waiter is on; b:a is read without it
 *		and then looked at again
 */
#include <kern/futex.h>
#include <sys/errno.h>
#include <base/thread.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <port/machdep.h>
#include <kern/proc.h>

#define NBUCKET 256

/* What a futex is: (map, address) or (object, offset). */
struct futex_key {
	const void *fk_where;
	uint64_t fk_off;
	struct uvm_object *fk_obj; /* reference held; NULL: private */
};

struct futex_bucket;

/* Several waiters that are one thread.  On its stack. */
struct futex_group {
	struct spin fg_lock; /* taken inside that of a bucket */
	bool fg_woken;       /* [g] one of them is */
};

/* On the stack of a thread that waits, or an array of its group. */
struct futex_waiter {
	TAILQ_ENTRY(futex_waiter) fw_link;        /* [b] */
	_Atomic(struct futex_bucket *) fw_bucket; /* [b:a] */
	struct futex_key fw_key;                  /* [b] */
	uint32_t fw_bitset;                       /* [b] */
	bool fw_woken;                            /* [b] off the bucket */
	struct futex_group *fw_group;             /* [I] NULL: it is alone */
};
TAILQ_HEAD(futexq, futex_waiter);

struct futex_bucket {
	struct spin fb_lock;
	struct futexq fb_waiters; /* [b] */
} __aligned(CACHELINE);

static struct futex_bucket futex_bucket[NBUCKET];

void
futex_boot(void)
{
	u_int i;

	for (i = 0; i < NBUCKET; i++) {
		spin_init(&futex_bucket[i].fb_lock, RANK_FUTEX);
		TAILQ_INIT(&futex_bucket[i].fb_waiters);
	}
}

static struct futex_bucket *
bucket_of(const struct futex_key *k)
{
	uint64_t h = ((uintptr_t)k->fk_where >> 4) + k->fk_off / 4;

	h *= 0x9e3779b97f4a7c15u; /* 2^64 over the golden ratio */
	return &futex_bucket[h >> 56];
}

static bool
key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->fk_where == b->fk_where && a->fk_off == b->fk_off;
}

static void
key_drop(struct futex_key *k)
{
	if (k->fk_obj != NULL)
		uvm_object_free(k->fk_obj);
	k->fk_obj = NULL;
}

/*
 * What the word at va is.  A word of a shared mapping is known by its object
 * (a reference is taken), any other by the map.  EFAULT: nothing is mapped
 * there, which of a private one only the access that follows will say.
 */
static int
key_get(vaddr_t va, bool priv, struct futex_key *k)
{
	struct vm_map *map = &curproc()->ps_vmspace->vm_map;
	struct vm_entry *e;

	if (va % sizeof(uint32_t) != 0)
		return EINVAL;
	if (va >= VM_MAXUSER_ADDRESS)
		return EFAULT;
	*k = (struct futex_key){.fk_where = map, .fk_off = va};
	if (priv)
		return 0;
	rw_read_enter(&map->vm_lock);
	e = uvm_map_lookup(map, va);
	if (e == NULL) {
		rw_exit(&map->vm_lock);
		return EFAULT;
	}
	if (e->ve_obj != NULL && (e->ve_flags & VE_COW) == 0) {
		k->fk_obj = e->ve_obj;
		k->fk_where = e->ve_obj;
		k->fk_off = e->ve_off + (va - e->ve_start);
		uvm_object_ref(k->fk_obj);
	}
	rw_exit(&map->vm_lock);
	return 0;
}

/*
 * Lock the bucket that w is on.  Which one it is, is asked again with the lock
 * held, under which it is written: that orders all there is to order.
 */
static struct futex_bucket *
waiter_lock(struct futex_waiter *w)
{
	struct futex_bucket *b;

	for (;;) {
		b = atomic_load_explicit(&w->fw_bucket, memory_order_relaxed);
		if (b == NULL) {
			md_cpu_relax();
			continue;
		}
		spin_enter(&b->fb_lock);
		if (b ==
		    atomic_load_explicit(&w->fw_bucket, memory_order_relaxed))
			return b;
		spin_exit(&b->fb_lock);
	}
}

/* Take w off its bucket if nobody has.  True: it had been woken. */
static bool
waiter_leave(struct futex_waiter *w)
{
	struct futex_bucket *b = waiter_lock(w);
	bool woken = w->fw_woken;

	if (!woken)
		TAILQ_REMOVE(&b->fb_waiters, w, fw_link);
	spin_exit(&b->fb_lock);
	return woken;
}

/* Sleep until w is woken.  0, ETIMEDOUT or EINTR. */
static int
waiter_sleep(struct futex_waiter *w, uint64_t deadline)
{
	struct futex_bucket *b;
	int error = 0;

	for (;;) {
		b = waiter_lock(w);
		if (w->fw_woken || error != 0) {
			if (w->fw_woken)
				error = 0;
			else
				TAILQ_REMOVE(&b->fb_waiters, w, fw_link);
			spin_exit(&b->fb_lock);
			return error;
		}
		error =
		    sleep_spin(w, &b->fb_lock, SLEEP_INTR, deadline, "futex");
		spin_exit(&b->fb_lock);
	}
}

/* Put w, whose key is set, on its bucket. */
static void
waiter_enter(struct futex_waiter *w)
{
	struct futex_bucket *b = bucket_of(&w->fw_key);

	atomic_init(&w->fw_bucket, b);
	spin_enter(&b->fb_lock);
	TAILQ_INSERT_TAIL(&b->fb_waiters, w, fw_link);
	spin_exit(&b->fb_lock);
}

/* 0, EAGAIN: the word at va is not val; EFAULT. */
static int
word_is(vaddr_t va, uint32_t val)
{
	uint32_t now;
	int error;

	error = md_fetch32(va, &now);
	return error == 0 && now != val ? EAGAIN : error;
}

int
futex_wait(vaddr_t va, bool priv, uint32_t val, uint32_t bitset,
    uint64_t deadline)
{
	struct futex_waiter w = {.fw_bitset = bitset};
	int error;

	KASSERT(bitset != 0);
	error = key_get(va, priv, &w.fw_key);
	if (error != 0)
		return error;
	waiter_enter(&w);
	error = word_is(va, val);
	if (error != 0) {
		/* Woken all the same: the waker counted us. */
		if (waiter_leave(&w))
			error = 0;
	} else
		error = waiter_sleep(&w, deadline);
	/* Of where it is now: requeueing exchanges the reference too. */
	key_drop(&w.fw_key);
	return error;
}

/* Sleep until one of g is woken.  0, ETIMEDOUT or EINTR. */
static int
group_sleep(struct futex_group *g, uint64_t deadline)
{
	int error = 0;

	spin_enter(&g->fg_lock);
	while (!g->fg_woken && error == 0)
		error =
		    sleep_spin(g, &g->fg_lock, SLEEP_INTR, deadline, "futexv");
	spin_exit(&g->fg_lock);
	return error;
}

/* Wait for the words that the n keys of w say.  0: w[*np] was woken. */
static int
group_wait(struct futex_waiter *w, const struct futex_want *want, u_int n,
    uint64_t deadline, u_int *np)
{
	struct futex_group g = {.fg_woken = false};
	int error = 0;
	u_int i, woken = n;

	spin_init(&g.fg_lock, RANK_FUTEXV);
	for (i = 0; error == 0 && i < n; i++) {
		w[i].fw_bitset = FUTEX_BITSET_ANY;
		w[i].fw_group = &g;
		waiter_enter(&w[i]);
		error = word_is(want[i].ft_va, want[i].ft_val);
	}
	n = i;
	if (error == 0)
		error = group_sleep(&g, deadline);
	/* Whoever wakes one holds its bucket until it is done with g. */
	for (i = 0; i < n; i++)
		if (waiter_leave(&w[i]))
			woken = i;
	*np = woken;
	return woken < n ? 0 : error;
}

int
futex_waitv(const struct futex_want *want, u_int n, uint64_t deadline,
    u_int *wokenp)
{
	struct futex_waiter *w;
	int error = 0;
	u_int i;

	KASSERT(n > 0 && n <= NFUTEXV);
	w = kmem_alloc(n * sizeof(*w), 0);
	if (w == NULL)
		return ENOMEM;
	memset(w, 0, n * sizeof(*w));
	for (i = 0; error == 0 && i < n; i++)
		error = key_get(want[i].ft_va, want[i].ft_priv, &w[i].fw_key);
	if (error == 0)
		error = group_wait(w, want, n, deadline, wokenp);
	for (i = 0; i < n; i++)
		key_drop(&w[i].fw_key);
	kmem_free(w, n * sizeof(*w));
	return error;
}

/* Wake w, which the caller has found on b.  b held. */
static void
waiter_wake(struct futex_bucket *b, struct futex_waiter *w)
{
	struct futex_group *g = w->fw_group;

	TAILQ_REMOVE(&b->fb_waiters, w, fw_link);
	w->fw_woken = true;
	/* Only b's lock keeps w and g: they are gone once that is released. */
	if (g == NULL) {
		wakeup(w);
		return;
	}
	spin_enter(&g->fg_lock);
	g->fg_woken = true;
	wakeup(g);
	spin_exit(&g->fg_lock);
}

/* Wake up to n waiters on k. */
static u_int
bucket_wake(const struct futex_key *k, u_int n, uint32_t bitset)
{
	struct futex_bucket *b = bucket_of(k);
	struct futex_waiter *w, *next;
	u_int done = 0;

	spin_enter(&b->fb_lock);
	TAILQ_FOREACH_SAFE(w, &b->fb_waiters, fw_link, next) {
		if (done >= n)
			break;
		if (!key_equal(&w->fw_key, k) || (w->fw_bitset & bitset) == 0)
			continue;
		waiter_wake(b, w);
		done++;
	}
	spin_exit(&b->fb_lock);
	return done;
}

int
futex_wake(vaddr_t va, bool priv, u_int n, uint32_t bitset, u_int *countp)
{
	struct futex_key key;
	int error;

	KASSERT(bitset != 0);
	*countp = 0;
	error = key_get(va, priv, &key);
	if (error != 0)
		return error;
	*countp = bucket_wake(&key, n, bitset);
	key_drop(&key);
	return 0;
}

/*
 * Take up to n waiters on k off their bucket, onto q, without waking them.
 * Between buckets their fw_bucket is NULL.
 */
static u_int
bucket_take(const struct futex_key *k, u_int n, struct futexq *q)
{
	struct futex_bucket *b = bucket_of(k);
	struct futex_waiter *w, *next;
	u_int done = 0;

	spin_enter(&b->fb_lock);
	TAILQ_FOREACH_SAFE(w, &b->fb_waiters, fw_link, next) {
		if (done >= n)
			break;
		if (!key_equal(&w->fw_key, k))
			continue;
		TAILQ_REMOVE(&b->fb_waiters, w, fw_link);
		atomic_store_explicit(&w->fw_bucket, NULL,
		    memory_order_relaxed);
		TAILQ_INSERT_TAIL(q, w, fw_link);
		done++;
	}
	/* Preemption stays off: somebody may spin until they have a bucket. */
	preempt_disable();
	spin_exit(&b->fb_lock);
	return done;
}

int
futex_requeue(vaddr_t va, vaddr_t va2, bool priv, u_int nwake, u_int nmove,
    bool cmp, uint32_t val, u_int *countp)
{
	struct futexq q = TAILQ_HEAD_INITIALIZER(q);
	struct futex_key from, to;
	struct futex_waiter *w;
	struct futex_bucket *b;
	int error;

	*countp = 0;
	error = key_get(va, priv, &from);
	if (error != 0)
		return error;
	error = key_get(va2, priv, &to);
	if (error != 0)
		goto out;
	if (cmp) {
		error = word_is(va, val);
		if (error != 0)
			goto out2;
	}
	*countp = bucket_wake(&from, nwake, FUTEX_BITSET_ANY);
	if (key_equal(&from, &to))
		goto out2;
	*countp += bucket_take(&from, nmove, &q);
	b = bucket_of(&to);
	spin_enter(&b->fb_lock);
	while ((w = TAILQ_FIRST(&q)) != NULL) {
		TAILQ_REMOVE(&q, w, fw_link);
		if (to.fk_obj != NULL)
			uvm_object_ref(to.fk_obj);
		/* Never the last one: from has another. */
		key_drop(&w->fw_key);
		w->fw_key = to;
		TAILQ_INSERT_TAIL(&b->fb_waiters, w, fw_link);
		atomic_store_explicit(&w->fw_bucket, b, memory_order_relaxed);
	}
	spin_exit(&b->fb_lock);
	preempt_enable();
out2:
	key_drop(&to);
out:
	key_drop(&from);
	return error;
}

/*
 * The owner of a robust lock dies: say so in its word, and let one waiter
 * find out.  Words that are not ours are left alone.
 */
static void
robust_died(vaddr_t va, uint32_t tid, bool pending)
{
	const uint32_t waiters = 0x80000000u, died = 0x40000000u;
	uint32_t word, was;
	u_int n;

	if (va % sizeof(word) != 0 || md_fetch32(va, &word) != 0)
		return;
	for (;;) {
		if ((word & ~(waiters | died)) != tid) {
			/* About to take it or just given up: do not hang. */
			if (pending && word == 0)
				(void)futex_wake(va, false, 1, FUTEX_BITSET_ANY,
				    &n);
			return;
		}
		if (md_cas32(va, word, (word & waiters) | died, &was) != 0)
			return;
		if (was == word)
			break;
		word = was;
	}
	if (word & waiters)
		(void)futex_wake(va, false, 1, FUTEX_BITSET_ANY, &n);
}

/* The list of robust locks that the thread holds, as the C library keeps it. */
static void
robust_exit(vaddr_t head, uint32_t tid)
{
	struct {
		uint64_t next;
		int64_t offset;
		uint64_t pending;
	} h;
	uint64_t entry, next;
	u_int limit = 2048; /* the list may be a circle */
	bool more = true;

	if (copyin(head, &h, sizeof(h)) != 0)
		return;
	for (entry = h.next; more && (entry & ~1ULL) != head; entry = next) {
		/* The lowest bit marks priority-inheriting locks. */
		next = head;
		more = --limit > 0 &&
		       copyin(entry & ~1ULL, &next, sizeof(next)) == 0;
		if ((entry & ~1ULL) != (h.pending & ~1ULL))
			robust_died((vaddr_t)((entry & ~1ULL) +
					      (uint64_t)h.offset),
			    tid, false);
	}
	if (h.pending != 0)
		robust_died((vaddr_t)((h.pending & ~1ULL) + (uint64_t)h.offset),
		    tid, true);
}

void
futex_lwp_exit(void)
{
	struct lwp *l = curlwp();
	const uint32_t zero = 0;
	vaddr_t va;
	u_int n;

	KASSERT(l->l_pmap != NULL);
	if (l->l_robust != 0) {
		robust_exit(l->l_robust, (uint32_t)l->l_tid);
		l->l_robust = 0;
	}
	va = l->l_cleartid;
	l->l_cleartid = 0;
	if (va == 0)
		return;
	/* Alone in the space nobody can be waiting, and it is about to go. */
	if (refcount_load(&l->l_proc->ps_vmspace->vm_users) == 1 &&
	    proc_threads(l->l_proc) == 1)
		return;
	if (copyout(&zero, va, sizeof(zero)) == 0)
		(void)futex_wake(va, false, 1, FUTEX_BITSET_ANY, &n);
}
