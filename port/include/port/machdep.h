/*
 * machdep.h: everything the whole system asks of the machine below it.
 *
 * For a kernel of one's own that takes the VM alone there is less to do: see
 * <port/tier1.h> to <port/tier5.h> and docs/PORTING.md.  The first of these is
 * part of this file; of the others only some functions are.
 *
 * A port (arch/amd64, host) defines every function here and no other global
 * symbol without an md_ prefix.  What must be inline is in its <md/inline.h>:
 *
 *	struct md_thread		what a switch saves besides the stack
 *	struct cpu *md_curcpu(void)
 *	struct thread *md_curthread(void)
 *	void md_setcurthread(struct thread *)
 *	bool md_intr_disable(void)	returns whether they were enabled
 *	void md_intr_restore(bool)
 *	bool md_intr_enabled(void)
 *	void md_cpu_relax(void)		in every spin loop
 *	void *md_direct(paddr_t)	RAM as the kernel sees it; never fails
 *	paddr_t md_direct_pa(const void *)	the inverse
 *	paddr_t md_kva_pa(const void *)	of the kernel's image (when booted)
 *	uint64_t md_cycles(void)	the cheapest clock, one for all CPUs; its
 *					unit is md_cycles_ns()'s business
 *
 * Context in which a call is legal, after each prototype:
 *	i	interrupts may be off
 *	s	spin locks may be held
 *	b	before md_cpu_start(), on the boot CPU
 *	f	may sleep or fault: thread context, no spin lock
 *
 * Upcalls a port makes are in <base/cpu.h> (clock, interrupts between CPUs)
 * and <kern/trap.h> (system calls, faults).
 */
#ifndef PORT_MACHDEP_H
#define PORT_MACHDEP_H

#include <sys/types.h>
#include <machine/param.h>
#include <md/inline.h>
#include <port/tier1.h>

struct cpu;
struct thread;

/*
 * One CPU; with <port/tier1.h>.
 */

/*
 * The console device of programs.
 *
 * md_console_write: send len bytes as they are; may wait for the device, not
 *	sleep.  Callers exclude each other for a few bytes at a time only.
 * md_console_input: takes what it can of len bytes received and returns how
 *	many it took; called in interrupt context, one call at a time.  While
 *	it takes less, or is NULL, the rest is held, in the device if need be.
 * md_console_resume: there is room again, or md_console_input is set now:
 *	held bytes are delivered, perhaps from here.  No spin lock held.
 */
void md_console_write(const char *s, size_t len); /* [isb] */
extern size_t (*_Atomic md_console_input)(const char *s, size_t len);
void md_console_resume(void); /* [i] */

/* Print the call chain of the caller, innermost first, to md_log(). */
void md_backtrace(void); /* [isb] */

/* The function that pc is in, and how far; NULL: not known. */
const char *md_symbol(uintptr_t pc, uintptr_t *off); /* [isb] */

/*
 * In an interrupt handler: the functions of the kernel that this CPU was in,
 * innermost first, by names that stay; at most max.  0: it was in a program.
 */
u_int md_interrupted(const char **names, u_int max); /* [isb] */

/* Fill a page with zeroes, or copy one; both page-aligned, not overlapping. */
void md_page_zero(void *page);                 /* [is] */
void md_page_copy(void *dst, const void *src); /* [is] */

/*
 * Invalidation on every CPU.  md_tlb_broadcast: true where the two _all calls
 * exist: they do what their namesakes in <port/tier1.h> do, on every CPU,
 * without interrupting it.  Elsewhere they must not be called.
 */
bool md_tlb_broadcast(void); /* [isb] */
void md_tlb_flush_pages_all(const u_int *asids, const vaddr_t *vas,
    u_int n);                           /* [isb] */
void md_tlb_flush_asid_all(u_int asid); /* [isb] */

/*
 * Threads and several CPUs.
 */

/*
 * md_thread_init: prepare td (td_kstack set) so that the first md_switch() to
 *	it calls fn(arg) on its kernel stack with interrupts off.  fn does
 *	not return.
 * md_switch: save this thread's context in from, resume to.  Called with
 *	interrupts off, by the scheduler alone; sets md_curthread().  Saves
 *	and restores the user's floating-point state and thread pointer when
 *	the threads have them.  Does not touch the translation root.
 * md_thread_free: forget what the port holds for td (which never runs again).
 */
void md_thread_init(struct thread *td, void (*fn)(void *), void *arg); /* [s] */
void md_switch(struct thread *from, struct thread *to);                /* [i] */
void md_thread_free(struct thread *td);                                /* [] */

/*
 * md_cpu_start: let every CPU but this one enter cpu_main() (<base/cpu.h>).
 *	Returns the number of CPUs now running, this one included.
 * md_cpu_idle: wait for an interrupt.  Called with interrupts off, returns
 *	with them off; an interrupt that is pending on entry ends the wait.
 * md_ipi: interrupt another CPU, which calls cpu_ipi(kind).  Repeated sends
 *	of one kind may merge.
 */
enum md_ipi_kind {
	MD_IPI_TLB,     /* run the TLB message box */
	MD_IPI_RESCHED, /* look at the run queue */
	MD_IPI_STOP,    /* panic elsewhere: trace and stop */
	MD_NIPI
};
u_int md_cpu_start(void);                      /* [b] */
void md_cpu_idle(void);                        /* [i] */
void md_ipi(u_int cpu, enum md_ipi_kind kind); /* [is] */

/*
 * md_time_ns: monotonic nanoseconds since boot; one clock for all CPUs.
 * md_wall_ns: nanoseconds since the Epoch, at boot time 0 of md_time_ns().
 * md_cycles_ns: a difference of two md_cycles(), in nanoseconds.
 * md_timer_set: this CPU's timer calls cpu_clock() at or after time when;
 *	a later call replaces the deadline.  UINT64_MAX: no deadline.
 */
uint64_t md_time_ns(void);              /* [is] */
uint64_t md_cycles_ns(uint64_t cycles); /* [is] */
uint64_t md_wall_ns(void);              /* [is] */
void md_timer_set(uint64_t when);       /* [is] */

/*
 * User programs.
 *
 * The copies move bytes between kernel and the user space that is loaded.
 * EFAULT: some byte of the user range is not in user space or its fault
 * was refused; a prefix may have been copied.  They refuse any range that
 * does not lie below VM_MAXUSER_ADDRESS before touching it.  They may take
 * page faults and so must hold no lock above the map (<base/lock.h>).
 *
 * md_copyinstr: a NUL-terminated string, at most max bytes with its NUL;
 *	*lenp (unless lenp is NULL) its length with the NUL.  ENAMETOOLONG: no
 *	NUL within max.
 * md_fetch32: one aligned 32-bit load, atomic.
 * md_cas32: compare and swap one aligned user word; *oldp what was there.
 */
int md_copyin(vaddr_t from, void *to, size_t len);                     /* [f] */
int md_copyout(const void *from, vaddr_t to, size_t len);              /* [f] */
int md_copyinstr(vaddr_t from, char *to, size_t max, size_t *lenp);    /* [f] */
int md_fetch32(vaddr_t va, uint32_t *valp);                            /* [f] */
int md_cas32(vaddr_t va, uint32_t want, uint32_t new, uint32_t *oldp); /* [f] */

/*
 * Find devices and attach their drivers; a port without any need not have it.
 * Once, before the root is mounted.
 */
__attribute__((weak)) void md_devices(void); /* [f] */

/* len bytes of entropy for address layouts and /dev/random. */
void md_entropy(void *buf, size_t len); /* [is] */

#endif
