/*
 * t_kern_life.c: processes from fork to wait, without a file system and
 * without user programs: the test process works on its memory with user
 * copies, and its children die of their first instruction, since nothing is
 * mapped at their program counter.
 */
#include "ktest.h"

#include <sys/errno.h>
#include <base/epoch.h>
#include <base/print.h>
#include <phys/page.h>
#include <phys/pool.h>
#include <pmap/pmap.h>
#include <port/frame.h>
#include <kern/proc.h>
#include <kern/wait.h>

#define AREA     ((vaddr_t)0x10000000)
#define NPAGE    32
#define STACKTOP ((vaddr_t)0x7f0000000000)

static u_long
free_pages(void)
{
	reap_drain();
	epoch_drain();
	pmap_drain();
	pool_drain_all();
	phys_drain_all();
	return phys_free_count();
}

/* The calling process gets a space with NPAGE pages of memory. */
static int
make_space(void)
{
	struct uvm_mapargs a = {.um_prot = PROT_READ | PROT_WRITE,
	    .um_maxprot = PROT_ALL,
	    .um_inherit = INHERIT_COPY,
	    .um_flags = VE_COW,
	    .um_how = UVM_MAP_FIXED};
	struct proc *p = curproc();
	vaddr_t va = AREA;
	int error;

	error = uvmspace_create(&p->ps_vmspace);
	if (error != 0)
		return error;
	md_frame_exec(curthread(), 0, STACKTOP);
	lwp_switch_pmap(vm_pmap(p->ps_vmspace));
	return uvm_map(&p->ps_vmspace->vm_map, &va, ptoa(NPAGE), &a);
}

/* Write to each page; then each must read back what was written. */
static bool
touch(uint64_t mark)
{
	uint64_t v;
	u_int i;

	for (i = 0; i < NPAGE; i++) {
		v = mark + i;
		if (copyout(&v, AREA + ptoa(i), sizeof(v)) != 0)
			return false;
	}
	for (i = 0; i < NPAGE; i++)
		if (copyin(AREA + ptoa(i), &v, sizeof(v)) != 0 || v != mark + i)
			return false;
	return true;
}

/* Run fn in a process of its own; its wait status, or -1. */
static int
in_process(void (*fn)(void *), void *arg, struct wait_result *wr)
{
	struct proc *p;
	int error;

	error = proc_create("test", fn, arg, &p);
	if (!CHECK(error == 0))
		return -1;
	error = proc_wait(P_PID, p->ps_pid, WEXITED | __WALL | WAIT_USAGE, wr);
	CHECK(error == 0);
	return error == 0 ? wr->wr_wstatus : -1;
}

/* Wait for a child that must have died of SIGSEGV. */
static bool
wait_crash(pid_t pid)
{
	struct wait_result wr;

	return proc_wait(P_PID, pid, WEXITED | __WALL, &wr) == 0 &&
	       wr.wr_pid == pid && wr.wr_wstatus == W_SIGNAL(SIGSEGV) &&
	       wr.wr_code == CLD_KILLED;
}

static void
plain(void *arg)
{
	int *code = arg;

	if (make_space() != 0 || !touch(1))
		proc_exit(W_EXIT(99));
	proc_exit(W_EXIT(*code));
}

/*
 * Goal: an exit gives everything back before wait returns, and says so.
 * Method: compare free pages; the resident set must have been seen.
 * LIFECYCLE 3 holds kern/exit.c:exit_last mutant 57
 * LIFECYCLE 60 holds kern/exit.c:exit_last mutant 58
 * LIFECYCLE 72 holds kern/exit.c:proc_zombie mutant 58
 */
TEST(life_exit_wait)
{
	struct wait_result wr;
	u_long before;
	int code;

	before = free_pages();
	for (code = 0; code < 4; code++)
		CHECK(in_process(plain, &code, &wr) == W_EXIT(code));
	CHECK(wr.wr_ru.ru_maxrss >= (int64_t)(NPAGE * PAGE_SIZE / 1024));
	CHECK(free_pages() == before);
}

/* Goal: a process that never had a space can end, too. */
static void
spaceless(void *arg __unused)
{
	proc_exit(W_EXIT(5));
}

TEST(life_no_space)
{
	struct wait_result wr;
	u_long before = free_pages();

	CHECK(in_process(spaceless, NULL, &wr) == W_EXIT(5));
	CHECK(free_pages() == before);
}

static void
forker(void *arg)
{
	uint64_t flags = *(uint64_t *)arg;
	struct clone_args ca = {.ca_flags = flags, .ca_exitsig = SIGCHLD};
	pid_t pid;
	u_int i;

	if (make_space() != 0)
		proc_exit(W_EXIT(1));
	for (i = 0; i < 8; i++) {
		if (!touch(i * 100))
			proc_exit(W_EXIT(2));
		/* SIGCHLD that came in a vfork: ignored on the way out. */
		sig_deliver(curthread()->td_frame);
		if (proc_fork(&ca, &pid) != 0)
			proc_exit(W_EXIT(3));
		/* While the child lives or dies: our writes are ours. */
		if (!touch(i * 100 + 7))
			proc_exit(W_EXIT(4));
		if (!wait_crash(pid))
			proc_exit(W_EXIT(5));
	}
	proc_exit(W_EXIT(0));
}

/*
 * Goal: children in a copy of the space, in the same space, and in the same
 * space while the parent waits, all end without harming the parent's.
 */
TEST(life_fork)
{
	uint64_t kinds[] = {0, CLONE_VM, CLONE_VM | CLONE_VFORK};
	struct wait_result wr;
	u_long before = free_pages();
	u_int i;

	for (i = 0; i < nitems(kinds); i++)
		if (!CHECK(in_process(forker, &kinds[i], &wr) == W_EXIT(0)))
			kprintf("# kind %u: status %x\n", i,
			    (u_int)wr.wr_wstatus);
	CHECK(free_pages() == before);
}

static void
threaded(void *arg)
{
	struct clone_args ca = {.ca_flags = CLONE_VM | CLONE_SIGHAND |
					    CLONE_THREAD | CLONE_FS |
					    CLONE_FILES};
	u_int n = *(u_int *)arg;
	pid_t tid;

	if (make_space() != 0 || !touch(1))
		proc_exit(W_EXIT(1));
	while (n-- > 0)
		/* The first one to run crashes and takes us all along. */
		if (proc_fork(&ca, &tid) != 0)
			break;
	for (;;)
		if (sig_pending())
			proc_exit(curproc()->ps_wstatus);
		else
			(void)sleep_until(UINT64_MAX, SLEEP_INTR, "test");
}

/*
 * Goal: with several threads the last one off the space purges it, once, and
 * the process ends as the thread that crashed said.
 * LIFECYCLE 75 holds kern/reaper.c:reaper_done mutant 140 because it frees stacks and thread structures, those of dead threads of a living process at once, but for a few that the next threads get
 */
TEST(life_threads)
{
	struct wait_result wr;
	u_long before = free_pages(), purges = count_sum(COUNT_EXIT);
	u_int n;

	for (n = 1; n < 6; n++)
		CHECK(in_process(threaded, &n, &wr) == W_SIGNAL(SIGSEGV));
	CHECK(count_sum(COUNT_EXIT) - purges == 5);
	CHECK(free_pages() == before);
}

/*
 * Goal: running out of memory at any point of a fork leaves nothing behind.
 * Method: let the nth allocation fail, n = 1, 2, ..., until none does.
 */
static void
fork_nomem(void *arg __unused)
{
	struct clone_args ca = {.ca_exitsig = SIGCHLD};
	bool fired = true;
	u_long n;
	pid_t pid;
	int error;

	if (make_space() != 0 || !touch(1))
		proc_exit(W_EXIT(1));
	for (n = 1; fired; n++) {
		phys_fail_nth(n);
		error = proc_fork(&ca, &pid);
		fired = phys_fail_fired();
		phys_fail_nth(0);
		if (error != 0 && (!fired || error != ENOMEM))
			proc_exit(W_EXIT(2));
		/*
		 * One that was made may itself have met the failure, and then
		 * dies of that instead.
		 */
		if (error == 0) {
			struct wait_result wr;

			if (proc_wait(P_PID, pid, WEXITED, &wr) != 0)
				proc_exit(W_EXIT(3));
		}
		if (!touch(n))
			proc_exit(W_EXIT(4));
		if (n > 10000)
			proc_exit(W_EXIT(5));
	}
	proc_exit(W_EXIT(0));
}

TEST(life_fork_nomem)
{
	struct wait_result wr;
	u_long before = free_pages();

	CHECK(in_process(fork_nomem, NULL, &wr) == W_EXIT(0));
	CHECK(free_pages() == before);
}

/*
 * Goal: who looks from outside gets the live space, an error, or an empty
 * one, and its reference may be the last.
 */
static _Atomic(bool) observed_up, observed_go;

static void
observed(void *arg __unused)
{
	if (make_space() != 0 || !touch(1000))
		proc_exit(W_EXIT(1));
	atomic_store(&observed_up, true);
	while (!atomic_load(&observed_go))
		thread_yield();
	proc_exit(W_EXIT(0));
}

/* LIFECYCLE 14 holds kern/process_vm.c:process_vm_get */
TEST(life_foreign_reader)
{
	struct vmspace *vm = NULL;
	struct wait_result wr;
	u_long before = free_pages();
	struct proc *p;
	uint64_t v = 0;
	size_t done;

	atomic_store(&observed_up, false);
	atomic_store(&observed_go, false);
	if (!CHECK(proc_create("test", observed, NULL, &p) == 0))
		return;
	refcount_acquire(&p->ps_refs);
	while (!atomic_load(&observed_up))
		thread_yield();
	CHECK(proc_vmspace(p, &vm) == 0);
	CHECK(uvm_io(vm, AREA, &v, sizeof(v), false, UVM_FAULT_FORCE, &done) ==
	      0);
	CHECK(v == 1000);
	atomic_store(&observed_go, true);
	CHECK(proc_wait(P_PID, p->ps_pid, WEXITED, &wr) == 0);
	/* Purged in spite of our reference, which still keeps the structure. */
	CHECK(uvm_io(vm, AREA, &v, sizeof(v), false, UVM_FAULT_FORCE, &done) ==
	      EFAULT);
	uvmspace_free(vm);
	CHECK(proc_vmspace(p, &vm) == ESRCH);
	proc_rele(p);
	CHECK(free_pages() == before);
}

/* Goal: a kernel thread ends without purging anything. */
static void
kernel_thread(void *arg)
{
	*(bool *)arg = curproc() == &proc0 && curlwp()->l_pmap == NULL;
}

/* LIFECYCLE 9 holds kern/exit.c:kthread_leave mutant 61 */
TEST(life_kernel_thread)
{
	u_long before = free_pages(), purges = count_sum(COUNT_PURGE);
	u_int threads = proc_threads(&proc0);
	bool ok = false;

	CHECK(kthread_create("test", kernel_thread, &ok, NULL) == 0);
	while (proc_threads(&proc0) > threads)
		thread_yield();
	reap_drain();
	CHECK(ok);
	CHECK(count_sum(COUNT_PURGE) == purges);
	CHECK(free_pages() == before);
}

/*
 * Goal: the three ways to be told of a child that stops.
 */
static void
sleeper(void *arg __unused)
{
	if (make_space() != 0)
		proc_exit(W_EXIT(1));
	for (;;) {
		(void)sleep_until(UINT64_MAX, SLEEP_INTR, "test");
		sig_deliver(curthread()->td_frame);
	}
}

TEST(life_stop_continue)
{
	u_long before = free_pages();
	struct wait_result wr;
	struct proc *p;

	if (!CHECK(proc_create("test", sleeper, NULL, &p) == 0))
		return;
	sig_post_simple(p, SIGSTOP, SI_USER);
	CHECK(proc_wait(P_ALL, 0, WUNTRACED, &wr) == 0);
	CHECK(wr.wr_wstatus == W_STOP(SIGSTOP) && wr.wr_pid == p->ps_pid);
	CHECK(proc_wait(P_ALL, 0, WUNTRACED | WNOHANG, &wr) == 0);
	CHECK(wr.wr_pid == 0);
	sig_post_simple(p, SIGCONT, SI_USER);
	CHECK(proc_wait(P_PID, p->ps_pid, WCONTINUED, &wr) == 0);
	CHECK(wr.wr_wstatus == W_CONTINUED);
	sig_post_simple(p, SIGSTOP, SI_USER);
	CHECK(proc_wait(P_ALL, 0, WUNTRACED | WNOWAIT, &wr) == 0);
	sig_post_simple(p, SIGKILL, SI_USER);
	CHECK(proc_wait(P_ALL, 0, WEXITED, &wr) == 0);
	CHECK(wr.wr_wstatus == W_SIGNAL(SIGKILL));
	CHECK(proc_wait(P_ALL, 0, WEXITED, &wr) == ECHILD);
	CHECK(free_pages() == before);
}
