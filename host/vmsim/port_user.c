/*
 * port_user.c (vmsim): user registers and user mode.
 *
 * A user program is a script (sim.h).  Its thread interprets it on its kernel
 * stack, between sim_user_return() and the next entry into the kernel, with
 * interrupts off but in one place, between two instructions.
 */
#include <string.h>

#include <sys/abi.h>
#include <sys/errno.h>
#include <base/cpu.h>
#include <base/epoch.h>
#include <base/print.h>
#include <base/thread.h>
#include <pmap/pmap.h>
#include <kern/proc.h>
#include <kern/trap.h>
#include <port/frame.h>
#include <port/machdep.h>

#include "sim.h"

#define MAXIDLE 100000 /* instructions in a row that nobody notices */
#define HEAD    1024   /* as in port_cpu.c */
_Static_assert(sizeof(struct md_frame) + 64 <= HEAD, "head of the stack");

/* Flags of scripts, and the gate that SOP_READY waits at. */
static struct {
	uint64_t gate, flag[SIM_NFLAG];
	uint64_t nready;
} user;

bool sim_catch_faults, sim_user_began;

unsigned
sim_ready_count(void)
{
	return (unsigned)user.nready;
}

struct md_frame *
md_frame(struct thread *td)
{
	return (struct md_frame *)((char *)td->td_kstack + KSTACK_SIZE - HEAD);
}

void
md_frame_exec(struct thread *td, vaddr_t pc, vaddr_t sp)
{
	struct md_frame *f = md_frame(td);

	memset(f, 0, sizeof *f);
	f->f_pc = pc;
	f->f_sp = sp;
	det_access(&td->td_frame, sizeof td->td_frame, true);
	td->td_frame = f;
	td->td_md.mt_tls = 0;
}

void
md_frame_fork(struct thread *child, vaddr_t sp, bool settls, vaddr_t tls)
{
	struct thread *parent = md_curthread();
	struct md_frame *f = md_frame(child);

	*f = *parent->td_frame;
	f->f_ret = 0;
	if (sp != 0)
		f->f_sp = sp;
	if (f->f_forkpc != 0)
		f->f_pc = f->f_forkpc;
	det_save(&child->td_md.mt_tls, 8);
	child->td_md.mt_tls = settls ? tls : parent->td_md.mt_tls;
	det_access(&child->td_frame, sizeof child->td_frame, true);
	child->td_frame = f;
}

void
md_frame_enter(void)
{
	sim_user_loop();
}

void
md_frame_restart(struct md_frame *f, long number __unused)
{
	f->f_pc -= INSN_SIZE;
}

/* Nothing here is traced: the registers are the script's. */
void
md_frame_callenter(struct md_frame *f __unused, long number __unused)
{
}

void
md_frame_setcall(struct md_frame *f __unused, long number __unused)
{
}

long
md_frame_callno(const struct md_frame *f __unused)
{
	return -1;
}

const uintptr_t *
md_frame_callargs(const struct md_frame *f __unused)
{
	static const uintptr_t none[6];

	return none;
}

long
md_frame_result(const struct md_frame *f __unused)
{
	return 0;
}

void
md_frame_setresult(struct md_frame *f __unused, long result __unused)
{
}

size_t
md_regset_size(u_int set __unused)
{
	return 0;
}

void
md_regset_get(struct thread *td __unused, u_int set __unused,
    void *buf __unused)
{
	panic("no registers to get");
}

int
md_regset_set(struct thread *td __unused, u_int set __unused,
    const void *buf __unused)
{
	return EINVAL;
}

void
md_frame_step(struct thread *td __unused, bool on __unused)
{
}

vaddr_t
md_frame_pc(const struct md_frame *f)
{
	return f->f_pc;
}

vaddr_t
md_frame_sp(const struct md_frame *f)
{
	return f->f_sp;
}

/* Scripts have no handlers; fuzz.h's programs look at what came. */
const void *
md_sigcode(size_t *lenp)
{
	*lenp = 0;
	return NULL;
}

int
md_sendsig(struct thread *td, const struct abi_sigaction *act __unused,
    const struct abi_siginfo *info, const struct abi_stack *altstack __unused,
    uint64_t mask __unused)
{
	if (!sim_catch_faults)
		return EFAULT;
	td->td_frame->f_fault =
	    (uint64_t)info->si_signo << 16 | (uint32_t)info->si_code;
	return 0;
}

int
md_sigreturn(struct thread *td __unused, uint64_t *maskp __unused,
    struct abi_stack *altp __unused)
{
	return EFAULT;
}

void
md_set_tls(struct thread *td, vaddr_t tls)
{
	td->td_md.mt_tls = tls;
}

vaddr_t
md_get_tls(struct thread *td)
{
	return td->td_md.mt_tls;
}

long
md_syscall(struct thread *td __unused, long number __unused,
    const uintptr_t args[6] __unused)
{
	return -ENOSYS;
}

/*
 * In and out of user mode.
 */

/* Leaves interrupts off. */
void
sim_user_return(struct thread *td)
{
	det_context(td->td_md.mt_context);
	for (;;) {
		det_intr_disable();
		if (!sim_ast_need(td))
			break;
		det_intr_restore(true);
		kern_ast(td->td_frame);
	}
	sim_user_enter(td);
}

/* Between two instructions. */
static void
user_window(void)
{
	sim_self()->sc_user = true;
	det_intr_restore(true);
	det_intr_disable();
	sim_self()->sc_user = false;
}

void
sim_user_leave(struct thread *td)
{
	sim_user_exit(td);
	det_intr_restore(true);
}

static uint64_t
value(const struct md_frame *f, const struct sarg *a)
{
	return (a->sa_reg >= 0 ? f->f_reg[a->sa_reg] : 0) + (uint64_t)a->sa_num;
}

static void
check(const struct insn *in, uint64_t val)
{
	char text[160];
	unsigned i;

	if (in->s_nwant == 0 || sim_alloc_failed())
		return;
	for (i = 0; i < in->s_nwant; i++)
		if (val == (uint64_t)in->s_want[i])
			return;
	script_print(in, text, sizeof text);
	det_fail("line %u: %s: got %ld", in->s_line, text, (long)val);
}

/* A load or store; true when it was made, false after a fault. */
bool
sim_user_access(struct thread *td, vaddr_t va, unsigned access, uint64_t *val)
{
	static const uint64_t instruction;
	enum mmu_fault fault = MMU_ABSENT;
	uint64_t pa;

	det_point(&instruction, false, "instruction");
	det_atomic_begin();
	if (va < VM_MAXUSER_ADDRESS)
		fault = mmu_translate(curcpu()->cpu_id, va, access, &pa);
	if (fault == MMU_OK && access == MMU_WRITE)
		sim_store(pa, 8, *val);
	else if (fault == MMU_OK && access == MMU_READ)
		*val = sim_load(pa, 8);
	det_atomic_end();
	if (fault == MMU_OK)
		return true;
	det_note("%s fault at %#lx", access == MMU_WRITE ? "write" : "read",
	    (u_long)va);
	sim_user_leave(td);
	kern_user_fault(td->td_frame, va,
	    access == MMU_WRITE  ? PROT_WRITE
	    : access == MMU_EXEC ? PROT_EXEC
				 : PROT_READ);
	sim_fault_done(va);
	sim_user_return(td);
	return false;
}

/* System calls by number, as <kern/syscalls.tbl> has them for amd64. */
#define NR_MPROTECT   10
#define NR_MUNMAP     11
#define NR_MADVISE    28
#define NR_CLONE      56
#define NR_EXECVE     59
#define NR_WAIT4      61
#define NR_EXIT_GROUP 231

uint64_t
sim_user_syscall(struct thread *td, long nr, const uintptr_t args[6])
{
	struct md_frame *f = td->td_frame;
	long r;

	if (nr == NR_EXIT_GROUP)
		sim_exit_begins(td, curproc()->ps_pid);
	sim_user_leave(td);
	r = kern_syscall(nr, args);
	if (r != -EJUSTRETURN)
		f->f_ret = (uint64_t)r;
	if (r == 0 &&
	    (nr == NR_MUNMAP || nr == NR_MPROTECT || nr == NR_MADVISE)) {
		det_atomic_begin();
		mmu_completed(curcpu()->cpu_id, args[0], args[0] + args[1]);
		det_atomic_end();
	}
	sim_user_return(td);
	return f->f_ret;
}

/* A flag is a word that programs share: set with release, read with acquire. */
/* A call that has to be made again is: the kernel moved the pc back. */
long
sim_user_enter_call(long nr, const uintptr_t args[6])
{
	struct md_frame *f = sim_self()->sc_thread->td_frame;
	vaddr_t pc = f->f_pc;
	uint64_t r;

	do {
		f->f_pc = pc;
		r = sim_user_syscall(sim_self()->sc_thread, nr, args);
	} while (f->f_pc != pc);
	return (long)r;
}

static void
wait_flag(const uint64_t *flag)
{
	unsigned tries = 0;

	while (det_load(flag, 8, __ATOMIC_ACQUIRE) == 0) {
		/* Who was to set it may not be there. */
		if (sim_alloc_failed() && tries++ > 2)
			break;
		sim_self()->sc_user = true;
		det_intr_restore(true);
		det_relax(0);
		det_intr_disable();
		sim_self()->sc_user = false;
	}
}

static void
set_flag(uint64_t *flag, const char *what)
{
	det_note("%s", what);
	det_store(flag, 8, 1, __ATOMIC_RELEASE);
}

/* The last of n takes the snapshot when all the others stand still. */
static void
user_ready(unsigned n)
{
	bool last;

	if (det_exploring())
		return;
	det_atomic_begin();
	last = ++user.nready == n;
	det_atomic_end();
	if (!last) {
		wait_flag(&user.gate);
		return;
	}
	sim_self()->sc_user = true;
	det_intr_restore(true);
	det_calm();
	det_intr_disable();
	sim_self()->sc_user = false;
	det_region(&user, sizeof user);
	det_snapshot();
	set_flag(&user.gate, "the gate opens");
}

static void
user_bind(struct thread *td, u_int cpu)
{
	if (cpu >= sim_ncpu)
		det_fail("cpu %u: there are %u", cpu, sim_ncpu);
	sim_user_leave(td);
	sched_bind(CPUMASK(cpu));
	sim_user_return(td);
}

void
sim_user_exec(struct thread *td, const char *name)
{
	const struct program *p = script_program(name);
	u_long i = (u_long)(p - script.sc_program);
	uintptr_t args[6] = {0};

	/* simfs.c puts names and argument vectors there. */
	args[0] = TEXT_BASE + NINSN * INSN_SIZE + i * NNAME;
	args[1] = TEXT_BASE + NINSN * INSN_SIZE + 2048 + i * 16;
	(void)sim_user_syscall(td, NR_EXECVE, args);
}

/* An access that must be refused: the kernel is asked as a copy would. */
static void
user_fault(struct thread *td, const struct insn *in, vaddr_t va)
{
	uint64_t val = 0;
	unsigned access = (unsigned)in->s_num;
	int error;

	sim_user_leave(td);
	error = va < VM_MAXUSER_ADDRESS
		    ? sim_access(va, access == MMU_READ ? 8 : 0, access, &val)
		    : EFAULT;
	sim_user_return(td);
	if (error == 0 && !sim_alloc_failed())
		det_fail("line %u: the access to %#lx should fault", in->s_line,
		    (u_long)va);
}

static void
user_account(struct thread *td, bool end)
{
	uintptr_t any[6] = {(uintptr_t)-1};
	uint64_t val;
	vaddr_t va;

	if (end)
		det_wind_up();
	/* Children of those who died too soon are ours now. */
	while (end && sim_alloc_failed() &&
	       (long)sim_user_syscall(td, NR_WAIT4, any) > 0)
		continue;
	sim_user_leave(td);
	/* Kernel threads that nobody waits for end, too, and are kept. */
	det_calm();
	reap_drain();
	epoch_drain();
	pmap_drain();
	det_calm();
	/* A kernel thread may have ended since, and be kept for another. */
	reap_drain();
	if (end) {
		sim_account_end();
		det_end();
	}
	/* Tables for these are not what is looked for. */
	for (va = TEXT_BASE; va < TEXT_BASE + NINSN * INSN_SIZE + PAGE_SIZE;
	     va += PAGE_SIZE)
		(void)sim_access(va, 8, MMU_READ, &val);
	(void)sim_access(DATA_BASE, 8, MMU_READ, &val);
	sim_account_begin();
	sim_user_return(td);
}

/* One of sim_calls. */
static void
user_call(struct thread *td, struct md_frame *f, const struct insn *in)
{
	uint64_t arg[2] = {0};
	unsigned i;
	long r;

	for (i = 0; i < in->s_narg && i < 2; i++)
		arg[i] = value(f, &in->s_arg[i]);
	sim_user_leave(td);
	r = sim_calls[in->s_num].sc_fn(arg);
	sim_user_return(td);
	if (in->s_reg >= 0)
		f->f_reg[in->s_reg] = (uint64_t)r;
	check(in, (uint64_t)r);
}

/* System calls and what else enters the kernel.  The pc is past it. */
static void
step_kernel(struct thread *td, struct md_frame *f, const struct insn *in)
{
	uintptr_t args[6] = {0};
	uint64_t r;
	unsigned i;

	switch ((enum sop)in->s_op) {
	case SOP_SYS:
	case SOP_FORK:
		for (i = 0; i < in->s_narg && i < 6; i++)
			args[i] = value(f, &in->s_arg[i]);
		f->f_forkpc = in->s_op == SOP_FORK
				  ? TEXT_BASE + in->s_target * INSN_SIZE
				  : 0;
		r = sim_user_syscall(td,
		    in->s_op == SOP_FORK ? NR_CLONE : in->s_num, args);
		if (in->s_reg >= 0)
			f->f_reg[in->s_reg] = r;
		check(in, r);
		break;
	case SOP_CALL:
		user_call(td, f, in);
		break;
	case SOP_RERUN:
		f->f_pc -= INSN_SIZE;
		if (sim_rerun(td))
			f->f_pc += INSN_SIZE;
		break;
	case SOP_FUZZ:
		f->f_pc -= INSN_SIZE;
		sim_fuzz(td);
		f->f_pc += INSN_SIZE;
		break;
	case SOP_EXEC:
		sim_user_exec(td, in->s_name);
		break;
	case SOP_FAULT:
		user_fault(td, in, value(f, &in->s_arg[0]));
		break;
	case SOP_CPU:
		user_bind(td, (u_int)value(f, &in->s_arg[0]));
		break;
	case SOP_LAST:
		if (curproc()->ps_pid != 1) {
			(void)sim_user_syscall(td, in->s_num, args);
			break;
		}
		/* FALLTHROUGH */
	case SOP_MARK:
	case SOP_END:
		user_account(td, in->s_op != SOP_MARK);
		break;
	default:
		panic("instruction %u", in->s_op);
	}
}

/* n pages from va on; all again after a fault, which is what it takes. */
static bool
user_touch(struct thread *td, vaddr_t va, uint64_t n, unsigned access)
{
	uint64_t val = 1;

	for (; n > 0; n--, va += PAGE_SIZE)
		if (!sim_user_access(td, va, access, &val))
			return false;
	return true;
}

/* What happens in user mode alone.  False: it has to be done again. */
static bool
step_user(struct thread *td, struct md_frame *f, const struct insn *in)
{
	uint64_t a = value(f, &in->s_arg[0]), b = value(f, &in->s_arg[1]);

	switch ((enum sop)in->s_op) {
	case SOP_READ:
		if (!sim_user_access(td, a, MMU_READ, &b))
			return false;
		if (in->s_reg >= 0)
			f->f_reg[in->s_reg] = b;
		check(in, b);
		break;
	case SOP_WRITE:
		return sim_user_access(td, a, MMU_WRITE, &b);
	case SOP_TOUCH:
		return user_touch(td, a, b, (unsigned)in->s_num);
	case SOP_SET:
		f->f_reg[in->s_reg] = a;
		break;
	case SOP_IF:
		if ((a == b) == (in->s_num != 0))
			f->f_pc =
			    TEXT_BASE + ((u_long)in->s_target - 1) * INSN_SIZE;
		break;
	case SOP_GOTO:
		f->f_pc = TEXT_BASE + ((u_long)in->s_target - 1) * INSN_SIZE;
		break;
	case SOP_CHECK:
		check(in, a);
		break;
	case SOP_READY:
		user_ready((unsigned)a);
		break;
	case SOP_AWAIT:
		wait_flag(&user.flag[in->s_num]);
		break;
	case SOP_POST:
		set_flag(&user.flag[in->s_num], "post");
		break;
	case SOP_ENOUGH:
		det_wind_up();
		break;
	case SOP_CALM:
		sim_self()->sc_user = true;
		det_intr_restore(true);
		det_calm();
		det_intr_disable();
		sim_self()->sc_user = false;
		break;
	default:
		break;
	}
	return true;
}

static bool
enters_kernel(const struct insn *in)
{
	return in->s_op == SOP_SYS || in->s_op == SOP_FORK ||
	       in->s_op == SOP_EXEC || in->s_op == SOP_FAULT ||
	       in->s_op == SOP_CPU || in->s_op == SOP_MARK ||
	       in->s_op == SOP_END || in->s_op == SOP_LAST ||
	       in->s_op == SOP_CALL || in->s_op == SOP_FUZZ ||
	       in->s_op == SOP_RERUN;
}

void
sim_user_loop(void)
{
	struct thread *td = md_curthread();
	struct md_frame *f = td->td_frame;
	const struct insn *in;
	uint64_t points = 0, idle = 0;
	char text[160];
	u_long i;

	sim_user_began = true;
	sim_user_return(td);
	for (;;) {
		user_window();
		/* A loop that nothing happens in would never end. */
		idle = points == det_points() ? idle + 1 : 0;
		points = det_points();
		i = (f->f_pc - TEXT_BASE) / INSN_SIZE;
		if (f->f_pc < TEXT_BASE || i >= script.sc_ninsn)
			det_fail("user pc %#lx", (u_long)f->f_pc);
		in = &script.sc_insn[i];
		if (idle > MAXIDLE)
			det_fail("line %u: a loop without end", in->s_line);
		if (in->s_op != SOP_NOP) {
			script_print(in, text, sizeof text);
			det_note("line %u: %s", in->s_line, text);
		}
		if (enters_kernel(in)) {
			f->f_pc += INSN_SIZE;
			step_kernel(td, f, in);
		} else if (step_user(td, f, in))
			f->f_pc += INSN_SIZE;
	}
}
