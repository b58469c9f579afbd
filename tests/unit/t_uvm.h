/*
 * t_uvm.h: what the tests of uvm share: spaces, mappings, and a program's
 * loads and stores as the MMU would do them.
 */
#ifndef T_UVM_H
#define T_UVM_H

#include <sys/abi.h>
#include <sys/errno.h>

#include <base/cpu.h>
#include <base/kassert.h>
#include <base/lock.h>
#include <base/print.h>
#include <phys/page.h>
#include <pmap/pmap.h>
#include <uvm/uvm.h>

#include "ktest.h"

#define RW (PROT_READ | PROT_WRITE)

static inline struct vmspace *
space(void)
{
	struct vmspace *vm = NULL;

	return CHECK(uvmspace_create(&vm) == 0) ? vm : NULL;
}

/* As a process that exits: the last user empties it, then lets go. */
static inline void
end_space(struct vmspace *vm)
{
	CHECK(uvmspace_leave(vm));
	uvmspace_purge(vm);
	uvmspace_free(vm);
}

static inline void
verify(struct vmspace *vm)
{
	rw_read_enter(&vm->vm_map.vm_lock);
	uvm_map_verify(&vm->vm_map);
	rw_exit(&vm->vm_map.vm_lock);
	pmap_verify(vm_pmap(vm));
}

/* Private anonymous memory at va. */
static inline int
map_anon(struct vmspace *vm, vaddr_t va, vsize_t len, vm_prot_t prot)
{
	struct uvm_mapargs args = {
	    .um_prot = prot,
	    .um_maxprot = PROT_ALL,
	    .um_inherit = INHERIT_COPY,
	    .um_flags = VE_COW,
	    .um_how = UVM_MAP_FIXED,
	};

	return uvm_map(&vm->vm_map, &va, len, &args);
}

/* An object at va; gives the mapping a reference of its own. */
static inline int
map_object(struct vmspace *vm, vaddr_t va, vsize_t len, vm_prot_t prot,
    struct uvm_object *uo, uint64_t off, bool private)
{
	struct uvm_mapargs args = {
	    .um_obj = uo,
	    .um_off = off,
	    .um_prot = prot,
	    .um_maxprot = PROT_ALL,
	    .um_inherit = private ? INHERIT_COPY : INHERIT_SHARE,
	    .um_flags = private ? VE_COW : 0,
	    .um_how = UVM_MAP_FIXED,
	};
	int error;

	uvm_object_ref(uo);
	error = uvm_map(&vm->vm_map, &va, len, &args);
	if (error != 0)
		uvm_object_free(uo);
	return error;
}

/*
 * One access by a program: through the page tables, with faults.  *pp is the
 * byte in the direct map.
 */
static inline int
reach(struct vmspace *vm, vaddr_t va, vm_prot_t access, volatile u_char **pp)
{
	vm_prot_t prot;
	paddr_t pa;
	int error, tries;

	for (tries = 0; tries < 10; tries++) {
		if (pmap_extract(vm_pmap(vm), va, &pa, &prot) &&
		    (access & ~prot) == 0) {
			*pp = md_direct(pa);
			return 0;
		}
		error = uvm_fault(&vm->vm_map, va, access, 0);
		if (error != 0)
			return error;
	}
	return EAGAIN;
}

static inline int
poke(struct vmspace *vm, vaddr_t va, u_char byte)
{
	volatile u_char *p;
	int error;

	error = reach(vm, va, PROT_WRITE, &p);
	if (error == 0) {
		*p = byte;
		/* The MMU would have said so in the entry. */
		page_set_modified(direct_to_page((const void *)(uintptr_t)p));
	}
	return error;
}

/* The byte, or minus the errno. */
static inline int
peek(struct vmspace *vm, vaddr_t va)
{
	volatile u_char *p;
	int error;

	error = reach(vm, va, PROT_READ, &p);
	return error == 0 ? *p : -error;
}

static inline u_long
nentries(struct vmspace *vm)
{
	return vm->vm_map.vm_nentries;
}

/* No process may be killed by a test that runs out of memory. */
static inline bool
t_no(void)
{
	return false;
}

static inline const struct uvm_upcalls *
quiet_upcalls(void)
{
	static const struct uvm_upcalls quiet = {
	    .up_nomem = t_no,
	    .up_killed = t_no,
	};
	const struct uvm_upcalls *old = uvm_upcalls;

	uvm_upcalls = &quiet;
	return old;
}

#endif
