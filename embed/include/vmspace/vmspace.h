/*
 * vmspace.h: virtual memory for your kernel: the whole of the public interface.
 *
 * A struct vmspace is an address space of a process.  It counts its users
 * (processes running in it) and its references (whoever keeps the structure).
 * The last user empties it, in its own context and before vms_exit() returns;
 * the last reference frees what is left.
 *
 * Context, after each prototype:
 *	f	thread context, no lock of the VM held, may sleep (tier 2 and up)
 *	i	interrupt handlers too, interrupts off
 *	x	any
 * On one CPU without tier 2 nothing sleeps, and one thread at a time may be
 * inside the VM: a kernel that does not preempt itself is fine as it is.
 *
 * Functions that can fail return 0 or one of these errno values, which have
 * the numbers of Linux: VMS_ENOMEM, VMS_EFAULT and so on.  No function here
 * panics because of what a user program asked for.  They do panic when the
 * caller breaks the rules above.
 *
 * Units: len, off and addresses are bytes; counts of pages say so.  A page is
 * 4096 bytes.
 */
#ifndef VMSPACE_VMSPACE_H
#define VMSPACE_VMSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vmspace/config.h>

#define VMS_VERSION_MAJOR 0
#define VMS_VERSION_MINOR 9
#define VMS_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

#define VMS_PAGE_SIZE ((size_t)4096)

#define VMS_EPERM  1
#define VMS_EIO    5
#define VMS_ENXIO  6
#define VMS_ENOMEM 12
#define VMS_EACCES 13
#define VMS_EFAULT 14
#define VMS_EBUSY  16
#define VMS_EEXIST 17
#define VMS_EINVAL 22

struct vmspace;

/*
 * Start.
 */

/* Physical addresses, end excluded; rounded inwards to pages. */
struct vms_range {
	uint64_t vr_start;
	uint64_t vr_end;
};

/*
 * vb_direct: where the kernel sees physical address 0: physical address pa is
 *	at virtual address vb_direct + pa, for all of vb_ram.
 *	Example: RAM at 0x40000000 mapped at 0xffff000040000000:
 *	0xffff000000000000.
 * vb_root: physical address of the kernel's own top-level table.  amd64: its
 *	upper half (entries 256 to 511) is copied into the table of every
 *	space, so it must be complete down to that level.  arm64: what TTBR0
 *	holds when there is no user space: a table of zeroes.
 * vb_ram: what is there; the VM owns it but for vb_keep, which is in use
 *	already: the kernel's image, its boot tables, modules.  One 64-byte
 *	descriptor per page comes out of it: 1.6 %.
 */
struct vms_boot {
	uintptr_t vb_direct;
	uint64_t vb_root;
	const struct vms_range *vb_ram;
	unsigned vb_nram;
	const struct vms_range *vb_keep;
	unsigned vb_nkeep;
};

/*
 * vms_boot: once, on the boot CPU, interrupts off or on.  Panics when the
 *	ranges cannot be true.  [x]
 * vms_pages_total, vms_pages_free_count: pages the VM owns; of them free.
 *	When no other CPU is inside the VM the second is exact, and after
 *	the last vms_release() of a space it is what it was before
 *	vms_create().  [f]
 * vms_pages_alloc: 2^order pages for the host's own use, physically
 *	contiguous, aligned to their size, contents undefined: the physical
 *	address; 0: none.  order is at most 9 (2 MiB).  Never sleeps.
 *	Example: order 2: 16 KiB, a multiple of 16384.  [f, spin locks of the
 *	host may be held]
 * vms_pages_free: give 2^order pages back.  The same context.
 * vms_verify: check every structure; panics on damage.  Slow.  Nobody else
 *	may be inside the VM.  [f]
 */
void vms_boot(const struct vms_boot *b);
size_t vms_pages_total(void);
size_t vms_pages_free_count(void);
uint64_t vms_pages_alloc(unsigned order);
void vms_pages_free(uint64_t pa, unsigned order);
void vms_verify(void);

/*
 * Spaces.
 *
 * vms_create: empty; one user, one reference: the caller's.  VMS_ENOMEM.  [f]
 * vms_fork: *childp is a copy of parent as fork(2) makes it: private memory is
 *	copied when either writes to it, shared memory is shared.  The caller
 *	is a user of parent; one user and reference for *childp.  VMS_ENOMEM,
 *	VMS_EFAULT: parent is dead.  [f]
 * vms_share: one more user and reference, for a process that runs in the same
 *	space (vfork, threads as processes).  The caller is a user.  [x]
 * vms_hold: one more reference, for who only looks in.  False: the space is
 *	going.  The pointer was read under a lock that its owner takes to
 *	change it.  [x]
 * vms_activate: this CPU runs the space from here on; NULL: none, the
 *	kernel's own tables.  At each switch of process.  [i]
 * vms_exit: the caller is no user any more.  True: it was the last one, and
 *	the space has been emptied: all memory is back, files are released.
 *	False: others live in it.  Either way this CPU has left it.  [f]
 * vms_release: one reference less; the last one frees the structure.  [f]
 *	A process ends with vms_exit() and then vms_release().
 */
int vms_create(struct vmspace **vmp);
int vms_fork(struct vmspace *parent, struct vmspace **childp);
void vms_share(struct vmspace *vm);
bool vms_hold(struct vmspace *vm);
void vms_activate(struct vmspace *vm);
bool vms_exit(struct vmspace *vm);
void vms_release(struct vmspace *vm);

/*
 * Mappings.  Lengths are rounded up to pages, addresses must be multiples.
 * Any space that the caller has a reference to; VMS_EFAULT: it is dead.
 *
 * vms_map: len bytes of zeroes with prot (VMS_READ and so on).  *addr is a
 *	hint, or with VMS_FIXED the place, where what was there is replaced;
 *	it is the answer.  VMS_EINVAL: len is 0 or *addr no multiple;
 *	VMS_ENOMEM: no room; VMS_EEXIST: VMS_NOREPLACE.  [f]
 * vms_unmap: nothing is mapped in [addr, addr + len) any more; holes are
 *	fine.  VMS_EINVAL, VMS_ENOMEM.  [f]
 * vms_protect: as mprotect(2).  VMS_ENOMEM: a hole; VMS_EACCES.  [f]
 * vms_stack: make [top - size, top) the stack; it takes memory as it is used,
 *	and vms_fault() extends it below down to top - limit.
 *	Example: top 0x7ffffffff000, size 65536, limit 8 MiB: 16 pages are
 *	mapped, none is resident.  VMS_EINVAL, VMS_ENOMEM.  [f]
 * vms_heap: brk(2) begins at start.  A new space has none.  [f]
 * vms_brk: move the end of the heap to want; the end as it is then.  [f]
 */
#define VMS_READ  1u
#define VMS_WRITE 2u
#define VMS_EXEC  4u

#define VMS_FIXED     1u /* at *addr, replacing what is there */
#define VMS_NOREPLACE 2u /* with VMS_FIXED: VMS_EEXIST instead */
#define VMS_SHARED    4u /* children share it; files: changes are the file's */

int vms_map(struct vmspace *vm, uintptr_t *addr, size_t len, unsigned prot,
    unsigned flags);
int vms_unmap(struct vmspace *vm, uintptr_t addr, size_t len);
int vms_protect(struct vmspace *vm, uintptr_t addr, size_t len, unsigned prot);
int vms_stack(struct vmspace *vm, uintptr_t top, size_t size, size_t limit);
void vms_heap(struct vmspace *vm, uintptr_t start);
uintptr_t vms_brk(struct vmspace *vm, uintptr_t want);

/*
 * vms_fault: the program accessed va (any byte of user space) in a way its
 *	tables do not allow: access is VMS_READ, VMS_WRITE or VMS_EXEC.
 *	0: make it try again.  Anything else: kill it: VMS_EFAULT: nothing is
 *	there; VMS_EACCES: forbidden; VMS_ENXIO: past the end of the file;
 *	VMS_EIO; VMS_ENOMEM.  [f, interrupts on from tier 2 on]
 * vms_read, vms_write: copy between the kernel and a space, active or not,
 *	whatever is resident: system call arguments, program images.  They
 *	fault pages in themselves and respect protections; a program image is
 *	written before it is protected.  Instructions that were written are
 *	what is fetched then.  VMS_EFAULT: some byte is not there; a prefix
 *	may have been copied.  VMS_ENOMEM.  [f]
 */
int vms_fault(struct vmspace *vm, uintptr_t va, unsigned access);
int vms_read(struct vmspace *vm, uintptr_t va, void *buf, size_t len);
int vms_write(struct vmspace *vm, uintptr_t va, const void *buf, size_t len);

/*
 * vms_next: the lowest mapping that ends above va: false: none.  To list a
 *	space begin with 0 and go on with vi_end.  [f]
 * vms_resident: pages of memory that are mapped at the moment.  [x]
 */
struct vms_info {
	uintptr_t vi_start;
	uintptr_t vi_end;
	unsigned vi_prot;
	bool vi_shared;
	char vi_name[64]; /* of the file; "" for other memory */
	uint64_t vi_off;  /* bytes into the file */
	uint64_t vi_dev;
	uint64_t vi_ino;
};
bool vms_next(struct vmspace *vm, uintptr_t va, struct vms_info *info);
size_t vms_resident(struct vmspace *vm);

#if VMS_TIER >= 2
/*
 * Several CPUs and a scheduler: upcalls from the host.  See <port/tier2.h>.
 *
 * vms_thread_init: t is zeroed memory in a new thread of the host; name is
 *	copied, for panics.  Before md_thread_self() answers t.  [x]
 * vms_cpu_up: on each CPU but the boot one, before it does anything else with
 *	the VM; ids come in order.  Interrupts off.  [i]
 * vms_may_preempt: whether the running thread may be taken off its CPU now,
 *	or moved to another.  False while it holds a spin lock of the VM.
 *	Asked by the host's clock handler before it switches.  [x]
 * vms_tlb_interrupt: md_ipi_tlb() reached this CPU.  Interrupts off.  [i]
 */
struct vms_thread {
	uint64_t vt_opaque[56];
};
void vms_thread_init(struct vms_thread *t, const char *name);
void vms_cpu_up(unsigned id);
bool vms_may_preempt(void);
void vms_tlb_interrupt(void);
#endif

#if VMS_TIER >= 3
/*
 * Files.  A struct vms_file is the cache of one file's pages; all mappings of
 * the file must come from one.  See <port/tier3.h>.
 *
 * vms_file_create: for the host's handle file, with one reference, which the
 *	caller keeps as long as the file is open; md_file_ref() is called.
 *	VMS_ENOMEM.  [f]
 * vms_file_hold, vms_file_release: a reference more, or less; the last of
 *	these and of the mappings writes back what is dirty, frees the pages
 *	and calls md_file_unref().  [f]
 * vms_file_sync: write back what shared mappings changed; VMS_EIO: something
 *	could not be.  fsync(2), msync(2).  [f]
 * vms_file_resized: md_file_size() has become smaller: pages past it go.  [f]
 * vms_map_file: vms_map() of len bytes of f from off (a multiple of the page
 *	size) on.  Without VMS_SHARED changes are the process's own.  [f]
 */
struct vms_file;
int vms_file_create(void *file, struct vms_file **fp);
void vms_file_hold(struct vms_file *f);
void vms_file_release(struct vms_file *f);
int vms_file_sync(struct vms_file *f);
void vms_file_resized(struct vms_file *f);
int vms_map_file(struct vmspace *vm, uintptr_t *addr, size_t len,
    unsigned prot, unsigned flags, struct vms_file *f, uint64_t off);
#endif

#if VMS_TIER >= 4
/*
 * Pressure and swap.  See <port/tier4.h>.
 *
 * vms_tick: from the host's clock interrupt, at least every 10 ms on some one
 *	CPU.  Interrupts off.  [i]
 * vms_swapon: begin to use the swap space; once.  What was in it is lost.
 *	VMS_EINVAL: md_swap_pages() says 0; VMS_EIO; VMS_ENOMEM.  [f]
 * vms_pageout: the body of the page-out thread, which the host starts once
 *	vms_swapon() has succeeded.  Never returns.  [f]
 * vms_swap_done: io of md_swap_start() is over; error is 0 or VMS_EIO.  [i]
 */
#define VMS_IO_PAGES 16
struct vms_io {
	uint64_t io_block;           /* first, in pages */
	unsigned io_npages;          /* 1 to VMS_IO_PAGES */
	bool io_write;               /* memory to disk */
	uint64_t io_pa[VMS_IO_PAGES]; /* where each page is in memory */
	void *io_self;               /* the VM's */
};
void vms_tick(void);
int vms_swapon(void);
__attribute__((noreturn)) void vms_pageout(void);
void vms_swap_done(struct vms_io *io, int error);
#endif

#if VMS_TIER >= 5
/* vms_stats: md_stat(arg, name, value) for each counter.  [f] */
void vms_stats(void *arg);
#endif

#ifdef __cplusplus
}
#endif

#endif
