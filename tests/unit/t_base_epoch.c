/*
 * Epochs: nothing is reclaimed under a section that could see it.
 */
#include "ktest.h"

#include <stdatomic.h>
#include <port/machdep.h>
#include <base/epoch.h>
#include <base/thread.h>

static _Atomic(u_int) reclaimed;

static void
count_reclaimed(struct epoch_entry *e __unused)
{
	reclaimed++;
}

TEST(epoch_call_runs_later)
{
	struct epoch_entry e[5];
	u_int i;

	reclaimed = 0;
	epoch_enter();
	for (i = 0; i < nitems(e); i++)
		epoch_call(&e[i], count_reclaimed);
	CHECK(reclaimed == 0);
	epoch_exit();
	epoch_drain();
	CHECK(reclaimed == nitems(e));
	epoch_drain();
}

/* The thread of base runs callbacks without being asked. */
TEST(epoch_runs_by_itself)
{
	struct epoch_entry e;
	u_int i;

	reclaimed = 0;
	epoch_call(&e, count_reclaimed);
	for (i = 0; i < 100 && reclaimed == 0; i++)
		sleep_until(md_time_ns() + 1000000, 0, "epoch");
	CHECK(reclaimed == 1);
	epoch_drain();
}

TEST(epoch_nests)
{
	epoch_enter();
	epoch_enter();
	CHECK(curthread()->td_epoch == 2);
	epoch_exit();
	CHECK(curthread()->td_nopreempt > 0);
	epoch_exit();
	CHECK(curthread()->td_epoch == 0 && curthread()->td_nopreempt == 0);
	epoch_wait();
}

static void
sleep_in_section(void *arg __unused)
{
	epoch_enter();
	sleep_until(md_time_ns() + 1000000, 0, "wrong");
}

TEST(epoch_section_does_not_sleep)
{
	CHECK(ktest_panics(sleep_in_section, NULL, "td_nopreempt == 1"));
}

/*
 * Readers follow a pointer that a writer replaces.  What a reader found must
 * be alive until its section ends.
 */
struct node {
	struct epoch_entry n_entry;
	_Atomic(bool) n_alive;
};
#define NNODE  16
#define NTURNS 200

static struct node nodes[NNODE];
static _Atomic(struct node *) current;
static _Atomic(bool) finished;

static void
node_gone(struct epoch_entry *e)
{
	struct node *n = container_of(e, struct node, n_entry);

	n->n_alive = false;
}

static void
reader(void *arg __unused)
{
	struct node *n;
	u_int i;

	while (!finished) {
		epoch_enter();
		n = atomic_load_explicit(&current, memory_order_acquire);
		for (i = ktest_random() % 4; i > 0; i--)
			md_cpu_relax();
		CHECK(n->n_alive);
		epoch_exit();
		thread_yield();
	}
}

/* A node nobody can reach. */
static struct node *
unused_node(void)
{
	u_int i;

	for (;;) {
		for (i = 0; i < NNODE; i++)
			if (!nodes[i].n_alive)
				return &nodes[i];
		thread_yield();
		epoch_wait();
	}
}

TEST(epoch_readers_see_live_nodes)
{
	struct thread *td[3];
	struct node *n, *old;
	u_int i;

	for (i = 0; i < NNODE; i++)
		nodes[i].n_alive = false;
	finished = false;
	nodes[0].n_alive = true;
	atomic_store_explicit(&current, &nodes[0], memory_order_release);
	for (i = 0; i < nitems(td); i++)
		td[i] = ktest_spawn(reader, NULL);
	for (i = 0; i < NTURNS; i++) {
		n = unused_node();
		n->n_alive = true;
		old =
		    atomic_exchange_explicit(&current, n, memory_order_acq_rel);
		epoch_call(&old->n_entry, node_gone);
		if (ktest_random() % 2 == 0)
			thread_yield();
	}
	finished = true;
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
	epoch_drain();
	for (i = 0; i < NNODE; i++)
		CHECK(nodes[i].n_alive == (&nodes[i] == current));
}
