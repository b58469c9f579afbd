/*
 * timeout.c: functions to be called at a time.
 *
 * One list for the system, by time.  One CPU at a time answers for its head:
 * its timer is armed for it or for something earlier.  That is the CPU which
 * last put a timeout at the head or ran one; the others need not care.
 *
 * What runs on a CPU is noted in running[], so that timeout_drain() can tell
 * when it is over.
 */
#include <base/thread.h>

#include <port/machdep.h>

#include "base_impl.h"

/*
 * Protection: all under timeout_lock.
 */
static struct spin timeout_lock = SPIN_INITIALIZER(RANK_TIMEOUT);
static TAILQ_HEAD(, timeout) timeouts = TAILQ_HEAD_INITIALIZER(timeouts);
static struct timeout *running[MAXCPU];
static u_int answerable; /* CPU id */

void
timeout_init(struct timeout *to, void (*fn)(void *), void *arg)
{
	KASSERT(fn != NULL);
	to->to_when = 0;
	to->to_fn = fn;
	to->to_arg = arg;
}

/* Off the list, if it is on it. */
static bool
unlink_timeout(struct timeout *to)
{
	KASSERT(spin_held(&timeout_lock));
	if (to->to_when == 0)
		return false;
	TAILQ_REMOVE(&timeouts, to, to_link);
	to->to_when = 0;
	return true;
}

void
timeout_set(struct timeout *to, uint64_t when)
{
	struct timeout *before;

	KASSERT(when != 0);
	spin_enter(&timeout_lock);
	unlink_timeout(to);
	to->to_when = when;
	TAILQ_FOREACH_REVERSE(before, &timeouts, timeouts, to_link) {
		if (before->to_when <= when)
			break;
	}
	if (before != NULL)
		TAILQ_INSERT_AFTER(&timeouts, before, to, to_link);
	else {
		TAILQ_INSERT_HEAD(&timeouts, to, to_link);
		answerable = curcpu()->cpu_id;
		clock_arm(when);
	}
	spin_exit(&timeout_lock);
}

bool
timeout_cancel(struct timeout *to)
{
	bool idle;

	spin_enter(&timeout_lock);
	idle = unlink_timeout(to);
	spin_exit(&timeout_lock);
	return idle;
}

/* Whether some CPU is in to's function. */
static bool
is_running(const struct timeout *to)
{
	u_int id;

	for (id = 0; id < cpu_count(); id++)
		if (running[id] == to)
			return true;
	return false;
}

void
timeout_drain(struct timeout *to)
{
	bool busy;

	for (;;) {
		spin_enter(&timeout_lock);
		unlink_timeout(to);
		busy = is_running(to);
		spin_exit(&timeout_lock);
		if (!busy)
			return;
		md_cpu_relax();
	}
}

void
timeout_run(uint64_t now)
{
	u_int id = curcpu()->cpu_id;
	struct timeout *to;

	KASSERT(!md_intr_enabled());
	spin_enter(&timeout_lock);
	while ((to = TAILQ_FIRST(&timeouts)) != NULL && to->to_when <= now) {
		unlink_timeout(to);
		running[id] = to;
		answerable = id;
		spin_exit(&timeout_lock);
		to->to_fn(to->to_arg);
		spin_enter(&timeout_lock);
		running[id] = NULL;
	}
	if (to != NULL && answerable == id)
		clock_arm(to->to_when);
	spin_exit(&timeout_lock);
}

/* The list is by time, and nothing that idles is on it. */
void
timeout_verify(void)
{
	struct timeout *to;
	uint64_t last = 1;

	spin_enter(&timeout_lock);
	TAILQ_FOREACH(to, &timeouts, to_link) {
		KASSERT(to->to_when >= last);
		KASSERT(to->to_fn != NULL);
		last = to->to_when;
	}
	spin_exit(&timeout_lock);
}
