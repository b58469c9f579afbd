/*
 * rerun.c (vmsim): what record.c wrote down, once more.
 *
 * An instruction of scripts, "rerun": the process does what the record says
 * of one process of it.  Forks, execs, waits and exits are the kernel's own;
 * mappings are made where they were, or where this table format has room for
 * them; a page that was faulted on is touched.
 *
 * A child finds the number of its process in its registers, where its parent
 * put it before the fork.  After exec those are gone: where a thread was is
 * kept by thread.
 */
#include <string.h>

#include <sys/abi.h>
#include <sys/errno.h>
#include <base/cpu.h>
#include <base/print.h>
#include <kern/exec.h>
#include <kern/proc.h>
#include <uvm/uvm.h>

#include "rerun.h"
#include "sim.h"

#define LINUX_TOP 0x7ffffffff000ul
#define LOWEST    0x10000000ul /* below: room for this machine's own image */
#define MOVED     0x40000000ul
#define FILE_FD   100
#define ACTION    (DATA_BASE + 64)
#define HANDLER   0x400010ul
#define RESTORER  0x04000000u
#define NTHREAD   4096u

#define C_VM     0x100ul
#define C_VFORK  0x4000ul
#define C_THREAD 0x50f00ul

struct rerun rerun;

static long nr_mmap, nr_munmap, nr_mprotect, nr_madvise, nr_mremap, nr_clone,
    nr_exit, nr_exitthread, nr_wait, nr_sigaction;

/* Where threads are: process + 1 and event. */
static struct {
	const struct thread *td;
	uint64_t proc, pc;
} places[NTHREAD];

static struct thread *
self(void)
{
	return sim_self()->sc_thread;
}

static long
call(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
    uint64_t a5)
{
	const uintptr_t args[6] = {a0, a1, a2, a3, a4, a5};

	return sim_user_enter_call(nr, args);
}

/* Where an address of the record is here; the top of the stack is the top. */
static uint64_t
place(uint64_t va)
{
	if (va < LOWEST)
		return va + MOVED;
	if (VM_MAXUSER_ADDRESS >= LINUX_TOP)
		return va > LINUX_TOP - (1ul << 40)
			   ? VM_MAXUSER_ADDRESS - (LINUX_TOP - va)
			   : va;
	/* Position-independent programs lie at 2^46 and more. */
	if (va < 1ul << 36)
		return va;
	if (va < 0x600000000000ul)
		return (va & 0xfffffffful) + (1ul << 33);
	return VM_MAXUSER_ADDRESS - (LINUX_TOP - va) % (1ul << 35);
}

static void
touch(uint64_t va, bool write)
{
	struct thread *td = self();
	uint64_t val = va, faults = 0;

	rerun.rr_touches++;
	va = place(va) & ~7ul;
	while (!sim_user_access(td, va, write ? MMU_WRITE : MMU_READ, &val)) {
		faults++;
		if (td->td_frame->f_fault != 0) {
			td->td_frame->f_fault = 0;
			rerun.rr_refused++;
			return;
		}
	}
	rerun.rr_again += faults > 1 ? faults - 1 : 0;
	rerun.rr_ahead += faults == 0;
}

/* Neighbouring programs' memory is told apart by faults that are handled. */
static void
handle_faults(void)
{
	uint64_t act[4] = {HANDLER, SA_SIGINFO | SA_NODEFER | RESTORER, HANDLER,
	    0};
	u_int i;

	for (i = 0; i < 4; i++)
		while (!sim_user_access(self(), ACTION + 8 * i, MMU_WRITE,
		    &act[i]))
			continue;
	(void)call(nr_sigaction, SIGSEGV, ACTION, 0, 8, 0, 0);
	(void)call(nr_sigaction, SIGBUS, ACTION, 0, 8, 0, 0);
}

static void
map(const struct event *ev)
{
	uint64_t flags = MAP_FIXED | (ev->ev_shared ? MAP_SHARED : MAP_PRIVATE);
	uint64_t va = place(ev->ev_arg[0]);

	if (ev->ev_file < 0)
		flags |= MAP_ANONYMOUS;
	if (call(nr_mmap, va, ev->ev_arg[1], ev->ev_prot, flags,
		ev->ev_file < 0 ? ~0ul : (uint64_t)(FILE_FD + ev->ev_file),
		ev->ev_file < 0 ? 0 : ev->ev_arg[2]) != (long)va)
		rerun.rr_refused++;
}

static void
begin_child(const struct event *ev)
{
	static const uint64_t flags[] = {SIGCHLD, C_VM | C_VFORK | SIGCHLD,
	    C_VM | SIGCHLD, C_THREAD};
	struct md_frame *f = self()->td_frame;
	uint64_t was = f->f_reg[0];
	long r;

	f->f_reg[0] = ev->ev_arg[0] + 1;
	f->f_forkpc = f->f_pc;
	r = call(nr_clone, flags[ev->ev_how], 0, 0, 0, 0, 0);
	f->f_reg[0] = was;
	if (r < 0) {
		rerun.rr_refused++;
		return;
	}
	rerun.rr_proc[ev->ev_arg[0]].pr_pid = r;
	if (ev->ev_how != 3)
		rerun.rr_forks++;
}

static void
await(const struct event *ev)
{
	long pid = rerun.rr_proc[ev->ev_arg[0]].pr_pid;

	if (pid > 0)
		(void)call(nr_wait, (uint64_t)pid, 0, 0, 0, 0, 0);
}

static unsigned
my_place(const struct thread *td, bool make)
{
	unsigned i;

	for (i = 0; i < NTHREAD; i++)
		if (places[i].td == td)
			return i;
	for (i = 0; make && i < NTHREAD; i++)
		if (places[i].td == NULL) {
			places[i].td = td;
			return i;
		}
	if (make)
		det_fail("too many threads");
	return NTHREAD;
}

static void
leave(const struct event *ev, bool thread)
{
	unsigned i = my_place(self(), false);

	if (i < NTHREAD)
		places[i].td = NULL;
	rerun.rr_exits++;
	(void)call(thread ? nr_exitthread : nr_exit,
	    ev != NULL ? ev->ev_arg[0] : 0, 0, 0, 0, 0, 0);
	panic("rerun: exit returned");
}

/* True: exec has been done, and the pc is the new image's. */
static bool
step(const struct event *ev, uint64_t proc)
{
	switch (ev->ev_code) {
	case EV_TOUCH:
		touch(ev->ev_arg[0], ev->ev_how != 0);
		break;
	case EV_MAP:
		map(ev);
		break;
	case EV_UNMAP:
		(void)call(nr_munmap, place(ev->ev_arg[0]), ev->ev_arg[1], 0, 0,
		    0, 0);
		break;
	case EV_PROTECT:
		(void)call(nr_mprotect, place(ev->ev_arg[0]), ev->ev_arg[1],
		    ev->ev_prot, 0, 0, 0);
		break;
	case EV_ADVISE:
		(void)call(nr_madvise, place(ev->ev_arg[0]), ev->ev_arg[1],
		    ev->ev_arg[2], 0, 0, 0);
		break;
	case EV_REMAP:
		(void)call(nr_mremap, place(ev->ev_arg[0]), ev->ev_arg[1],
		    ev->ev_arg[2],
		    ev->ev_arg[3] == ev->ev_arg[0]
			? 0
			: MREMAP_MAYMOVE | MREMAP_FIXED,
		    place(ev->ev_arg[3]), 0);
		break;
	case EV_FORK:
		begin_child(ev);
		break;
	case EV_EXEC:
		rerun.rr_execs++;
		sim_user_exec(self(), "image");
		return true;
	case EV_WAIT:
		await(ev);
		break;
	case EV_EXIT:
		leave(ev, rerun.rr_proc[proc].pr_thread);
		break;
	}
	return false;
}

static void
look_up(void)
{
	nr_mmap = sim_syscall_number("mmap");
	nr_munmap = sim_syscall_number("munmap");
	nr_mprotect = sim_syscall_number("mprotect");
	nr_madvise = sim_syscall_number("madvise");
	nr_mremap = sim_syscall_number("mremap");
	nr_clone = sim_syscall_number("clone");
	nr_exit = sim_syscall_number("exit_group");
	nr_exitthread = sim_syscall_number("exit");
	nr_wait = sim_syscall_number("wait4");
	nr_sigaction = sim_syscall_number("rt_sigaction");
}

/* Init: the first process of the record, until nothing is left of it all. */
static void
begin(void)
{
	struct event first = {.ev_code = EV_FORK};
	unsigned i;

	look_up();
	sim_user_leave(self());
	for (i = 0; i < rerun.rr_nfile; i++)
		if (uao_create(rerun.rr_size[i], &rerun.rr_object[i]) != 0)
			det_fail("rerun: no memory for files");
	sim_user_return(self());
	begin_child(&first);
	rerun.rr_forks--;
	while (call(nr_wait, ~0ul, 0, 0, 0, 0, 0) > 0)
		continue;
	sim_user_leave(self());
	for (i = 0; i < rerun.rr_nfile; i++)
		uvm_object_free(rerun.rr_object[i]);
	sim_user_return(self());
	for (i = 0; i < COUNT_MAX; i++)
		rerun.rr_count[i] = count_sum((enum count)i);
	for (i = 0; i < sim_ncpu; i++)
		rerun.rr_points[i] = det_cpu_points(i);
}

bool
sim_rerun(struct thread *td)
{
	unsigned i = my_place(td, false);
	const struct event *ev;
	uint64_t proc, pc;

	if (i == NTHREAD && td->td_frame->f_reg[0] == 0) {
		begin();
		return true;
	}
	if (td->td_frame->f_reg[0] != 0) { /* a child, new */
		i = my_place(td, true);
		places[i].proc = td->td_frame->f_reg[0] - 1;
		places[i].pc = 0;
		td->td_frame->f_reg[0] = 0;
	}
	proc = places[i].proc;
	handle_faults();
	for (pc = places[i].pc; pc < rerun.rr_proc[proc].pr_n;) {
		ev = &rerun.rr_event[rerun.rr_proc[proc].pr_first + pc++];
		places[i].pc = pc;
		if (step(ev, proc))
			return false;
	}
	leave(NULL, rerun.rr_proc[proc].pr_thread);
	return true;
}

int
sim_rerun_mmap(int fd, struct uvm_object **uop, vm_prot_t *maxprotp)
{
	if (fd < FILE_FD || fd >= FILE_FD + (int)rerun.rr_nfile)
		return EBADF;
	*uop = rerun.rr_object[fd - FILE_FD];
	uvm_object_ref(*uop);
	*maxprotp = PROT_READ | PROT_WRITE | PROT_EXEC;
	return 0;
}
