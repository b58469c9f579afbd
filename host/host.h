/*
 * host.h: the hosted machine, for who starts it and for tests.
 *
 * A process holds one machine.  Its virtual CPUs take turns on the process's
 * one thread, so nothing here is locked.
 */
#ifndef HOST_H
#define HOST_H

#include <sys/types.h>

/* Built with AddressSanitizer. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#endif

#define HOST_MAXCPU 8

/* RAM begins here: address 0 and its neighbours are not memory. */
#define HOST_RAM_START 0x100000ull

/*
 * host_boot: bring up a machine with ncpus CPUs and len bytes of RAM: base,
 *	phys, pmap.  The caller becomes the boot CPU's first thread, with
 *	interrupts on.  seed decides when CPUs take turns.  Once per process.
 * host_ram_init: its memory; only host_boot() calls it.
 */
void host_boot(u_int ncpus, size_t len, uint64_t seed);
void host_ram_init(size_t len);

/*
 * What md_asid_count() is: set before host_boot(); 1: the machine has none.
 * Whether accessed and dirty flags are for software to set, where the table
 * format (HOST_FORMAT, of host/mmu) leaves that open.
 */
extern u_int host_asids;
extern bool host_softflags;

/* The caller becomes the boot CPU; md_cpu_start() starts host_ncpus in all. */
extern u_int host_ncpus;
void host_cpu_init(uint64_t seed);

/*
 * A user access that the tables do not allow asks this; 0: look again; an
 * errno: the access fails with EFAULT.  NULL: every such access fails.
 */
#define HOST_READ  1u
#define HOST_WRITE 2u
#define HOST_EXEC  4u
extern int (*host_fault)(vaddr_t va, u_int access);

/*
 * What the kernel asked of the MMU, summed over all CPUs.
 */
struct host_counts {
	u_long hn_root_load;
	u_long hn_root_kernel;
	u_long hn_flush_page;
	u_long hn_flush_asid;
	u_long hn_flush_kernel;
	u_long hn_ipi;
};
extern struct host_counts host_counts;

/*
 * host_walk: translate va through the tables at root as the machine would,
 *	setting the bits it sets.  False: not allowed; *pap is untouched.
 * host_cpu_root: the root that this CPU has loaded; 0: the kernel's.
 */
bool host_walk(paddr_t root, vaddr_t va, u_int access, paddr_t *pap);
paddr_t host_cpu_root(void);

/*
 * What port_sys.c does for port_cpu.c.
 * host_map_stack: len bytes above a page that faults; never given back.
 * host_main_stack: where the calling host thread's own stack is.
 */
void *host_map_stack(size_t len);
void host_main_stack(void **stack, size_t *len);

/*
 * This CPU's TLB, for the loaded ASID.
 * host_tlb_lookup: whether a walk that is remembered allowed the access.
 * host_tlb_insert: remember one.
 * host_tlb_flush: forget those of the ASID or of all, of the page or of all.
 */
bool host_tlb_lookup(vaddr_t va, u_int access, paddr_t *pap);
void host_tlb_insert(vaddr_t va, u_int access, paddr_t pa);
void host_tlb_flush(bool one_asid, u_int asid, bool one_page, vaddr_t va);

/* Numbers that follow from the seed, and a new seed. */
uint64_t host_random(void);
void host_reseed(uint64_t seed);

#endif
