/*
 * fuzzsim.c (vmsim): the simulated machine under programs of fuzz.h.
 *
 * An instruction of scripts, "fuzz".  Init, which comes to it first, makes a
 * process that runs the program and waits until it and whatever it left
 * behind are gone; so every program ends with the exit of all its spaces, and
 * the memory that it used must have come back.
 *
 * A process keeps its struct fz_state in its registers, where fork copies it,
 * whenever it enters the kernel to fork.
 */
#include <string.h>

#include <sys/abi.h>
#include <sys/errno.h>
#include <base/print.h>
#include <kern/exec.h>
#include <kern/proc.h>
#include <uvm/uvm.h>

#include "fuzz.h"
#include "sim.h"

#define SCRATCH		DATA_BASE
#define ACTION		(DATA_BASE + 64)
#define HANDLER		0x400010ul
#define RESTORER	0x04000000u
#define FILE_FD		3

_Static_assert(sizeof(struct fz_state) <= NREG * 8, "registers");

const struct fz_prog *fz_sim_prog;
struct fz_log fz_sim_log;

static long numbers[FZ_NCALL], nr_clone, nr_exit, nr_sigaction;
static struct uvm_object *file;

static struct thread *
self(void)
{
	return sim_self()->sc_thread;
}

/* A call that has to be made again is: the kernel moved the pc back. */
static long
enter(long nr, const uintptr_t args[6])
{
	struct md_frame *f = self()->td_frame;
	vaddr_t pc = f->f_pc;
	uint64_t r;

	do {
		f->f_pc = pc;
		r = sim_user_syscall(self(), nr, args);
	} while (f->f_pc != pc);
	return (long)r;
}

static long
sim_call(enum fz_call c, const uint64_t arg[6])
{
	uintptr_t args[6];
	u_int i;

	for (i = 0; i < 6; i++)
		args[i] = arg[i];
	return enter(numbers[c], args);
}

/* The processor does it again until the kernel says that it is a fault. */
static long
sim_fz_access(uint64_t va, bool write, uint64_t *val)
{
	struct thread *td = self();
	long fault;

	while (!sim_user_access(td, va, write ? MMU_WRITE : MMU_READ, val)) {
		fault = (long)td->td_frame->f_fault;
		td->td_frame->f_fault = 0;
		if (fault != 0)
			return fault;
	}
	return 0;
}

static long
sim_fork(const struct fz_state *st, unsigned long flags)
{
	struct thread *td = self();
	uintptr_t args[6] = {flags};

	memcpy(td->td_frame->f_reg, st, sizeof *st);
	td->td_frame->f_forkpc = td->td_frame->f_pc;
	return enter(nr_clone, args);
}

static long
sim_truncate(uint64_t len)
{
	sim_user_leave(self());
	uao_resize(file, len);
	sim_user_return(self());
	return 0;
}

/* Nobody else runs in this space now. */
static void
sim_end(struct fz_end *fe, bool locks)
{
	struct vm_map *map = &curproc()->ps_vmspace->vm_map;
	struct vm_entry *ve;
	vaddr_t va;
	uint32_t bits;

	for (ve = map->vm_first; ve != NULL; ve = ve->ve_next) {
		if (locks && ve->ve_wired != 0)
			fe->fe_locked += (uint32_t)atop(
			    ve->ve_end - ve->ve_start);
		if (ve->ve_end <= FZ_BASE ||
		    ve->ve_start >= FZ_BASE + FZ_NPAGES * PAGE_SIZE)
			continue;
		bits = FZ_M_MAPPED | (ve->ve_prot & FZ_M_PROT);
		if ((ve->ve_flags & VE_COW) == 0)
			bits |= FZ_M_SHARED;
		if (ve->ve_obj != NULL)
			bits |= FZ_M_OBJECT;
		for (va = MAX(ve->ve_start, FZ_BASE);
		     va < MIN(ve->ve_end, FZ_BASE + FZ_NPAGES * PAGE_SIZE);
		     va += PAGE_SIZE)
			fe->fe_map[atop(va - FZ_BASE)] =
			    ve->ve_obj == NULL
				? bits
				: bits | (uint32_t)(atop(ve->ve_off + va -
							ve->ve_start)
					     << FZ_M_OFFSET);
	}
}

static __attribute__((noreturn)) void
sim_exit(const struct fz_state *st __unused)
{
	static const uintptr_t args[6];

	(void)enter(nr_exit, args);
	panic("fuzz: exit returned");
}

static const struct fz_machine machine_sim = {
    .fm_call = sim_call,
    .fm_access = sim_fz_access,
    .fm_fork = sim_fork,
    .fm_truncate = sim_truncate,
    .fm_end = sim_end,
    .fm_exit = sim_exit,
    .fm_top = VM_MAXUSER_ADDRESS,
    .fm_scratch = SCRATCH,
    .fm_log = &fz_sim_log,
};

static void
look_up(void)
{
	u_int i;

	for (i = 0; i < FZ_NCALL; i++)
		numbers[i] = sim_syscall_number(fz_call_names[i]);
	nr_clone = sim_syscall_number("clone");
	nr_exit = sim_syscall_number("exit_group");
	nr_sigaction = sim_syscall_number("rt_sigaction");
}

/* Faults are signals that are handled. */
static void
handle_faults(void)
{
	uint64_t act[4] = {HANDLER, SA_SIGINFO | SA_NODEFER | RESTORER,
	    HANDLER, 0};
	uintptr_t args[6] = {SIGSEGV, ACTION, 0, 8};
	u_int i;

	for (i = 0; i < 4; i++)
		(void)sim_fz_access(ACTION + 8 * i, true, &act[i]);
	for (i = 0; i < 2; i++) {
		args[0] = i == 0 ? SIGSEGV : SIGBUS;
		if (enter(nr_sigaction, args) != 0)
			det_fail("fuzz: no signal handler");
	}
}

/* Init: begin the program, and wait until nothing is left of it. */
static void
begin(struct thread *td)
{
	static const uintptr_t forever[6] = {~0ul};
	static const struct fz_state fresh = {.fs_begun = 1};
	uintptr_t args[6] = {0};
	u_int i;
	long r;

	look_up();
	sim_user_leave(td);
	if (uao_create(FZ_NFILE * PAGE_SIZE, &file) != 0)
		panic("fuzz: no file");
	sim_user_return(td);
	r = sim_fork(&fresh, fz_clone_flags[0]);
	if (r < 0)
		det_fail("fuzz: fork: error %ld", -r);
	while (enter(numbers[FZ_C_WAIT], forever) > 0)
		continue;
	for (i = 0; i < fz_sim_log.fl_nshm; i++) {
		args[0] = (uintptr_t)fz_sim_log.fl_shm[i];
		(void)enter(numbers[FZ_C_SHMCTL], args);
	}
	sim_user_leave(td);
	uvm_object_free(file);
	sim_user_return(td);
}

void
sim_fuzz(struct thread *td)
{
	struct fz_state st;

	memcpy(&st, td->td_frame->f_reg, sizeof st);
	if (st.fs_begun == 0)
		begin(td);
	else if (st.fs_proc == 0) {
		handle_faults();
		fz_root(fz_sim_prog, &machine_sim, &st);
	} else
		fz_child(fz_sim_prog, &machine_sim, &st);
}

int
sim_fuzz_mmap(int fd, struct uvm_object **uop, vm_prot_t *maxprotp)
{
	if (fz_sim_prog == NULL || fd != FILE_FD)
		return EBADF;
	uvm_object_ref(file);
	*uop = file;
	*maxprotp = PROT_READ | PROT_WRITE | PROT_EXEC;
	return 0;
}
