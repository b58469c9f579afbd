/*
 * uvm_vmspace.c: the life of an address space.
 *
 *	create      last user leaves, purges       last reference
 *	  |                    |                         |
 *	LIVE ---------------> PURGING ---> DEAD -------> gone
 *
 * Users are processes that run in the space, references are whoever keeps the
 * structure: each user has one, and so has a debugger that looks in.  Emptying
 * a space (purge) and freeing it (the last reference) are two things: the
 * first belongs to the last user, whatever others hold, so that memory is
 * back when the process is seen to be gone; the second is small and may
 * happen anywhere.
 *
 * A space that is not LIVE has no entries and gets none: every operation
 * finds that out under its map lock and says EFAULT.
 */
#include <uvm/uvm.h>

#include <sys/errno.h>

#include <base/cpu.h>
#include <base/kassert.h>

#include <phys/pool.h>

#include "uvm_local.h"

bool uvm_exit_reaper;

static struct pool vmspace_pool;

void
uvmspace_boot(void)
{
	pool_init(&vmspace_pool, "vmspace", sizeof(struct vmspace), 0);
}

int
uvmspace_create_like(struct vmspace **vmp, const struct pmap *like)
{
	struct vmspace *vm;
	struct pmap *pm;
	int error;

	vm = pool_get(&vmspace_pool, PA_ZERO);
	if (vm == NULL)
		return ENOMEM;
	error = pmap_create(&pm, like);
	if (error != 0) {
		pool_put(&vmspace_pool, vm);
		return error;
	}
	uvm_map_init(&vm->vm_map, pm, VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS);
	refcount_init(&vm->vm_refs, 1);
	refcount_init(&vm->vm_users, 1);
	atomic_init(&vm->vm_maxrss, 0);
	*vmp = vm;
	return 0;
}

int
uvmspace_create(struct vmspace **vmp)
{
	return uvmspace_create_like(vmp, NULL);
}

void
uvmspace_share(struct vmspace *vm)
{
	refcount_acquire(&vm->vm_users);
	refcount_acquire(&vm->vm_refs);
}

void
uvmspace_addref(struct vmspace *vm)
{
	refcount_acquire(&vm->vm_refs);
}

bool
uvmspace_tryref(struct vmspace *vm)
{
	return refcount_acquire_if_not_zero(&vm->vm_refs);
}

bool
uvmspace_leave(struct vmspace *vm)
{
	return refcount_release(&vm->vm_users);
}

static void
vmspace_reclaim(struct epoch_entry *ee)
{
	pool_put(&vmspace_pool, container_of(ee, struct vmspace, vm_epoch));
}

void
uvmspace_free(struct vmspace *vm)
{
	if (!refcount_release(&vm->vm_refs))
		return;
	KASSERT(lock_none_above(RANK_MAP));
	/*
	 * One that never had a thread in it (fork or exec failed half way)
	 * was not purged.  Its one user is its creator.
	 */
	if (vm->vm_map.vm_state == VM_LIVE) {
		KASSERT(refcount_load(&vm->vm_users) <= 1);
		uvmspace_purge(vm);
	}
	KASSERT(vm->vm_map.vm_state == VM_DEAD);
	KASSERT(vm->vm_map.vm_first == NULL && vm->vm_map.vm_size == 0);
	pmap_destroy(vm->vm_map.vm_pmap);
	vm->vm_map.vm_pmap = NULL;
	/* uvmspace_tryref() may still be looking at the count. */
	epoch_call(&vm->vm_epoch, vmspace_reclaim);
}

/*
 * Take every entry out of the map at once: the tree is forgotten, not taken
 * apart, while the lock is held.  Returns the list.
 */
static struct vm_entry *
purge_entries(struct vm_map *map)
{
	struct vm_entry *list, *e;
	u_long listed, counted;

	counted = map->vm_nentries;
	list = uvm_tree_reset(map);
	listed = 0;
	for (e = list; e != NULL; e = e->ve_next)
		listed++;
	KASSERT(listed == counted);
	return list;
}

/* npages were resident; map write-locked. */
static void
note_rss(struct vmspace *vm, u_long npages)
{
	KASSERT(rw_write_held(&vm->vm_map.vm_lock));
	if (npages > atomic_load_explicit(&vm->vm_maxrss, memory_order_relaxed))
		atomic_store_explicit(&vm->vm_maxrss, npages,
		    memory_order_relaxed);
}

void
uvmspace_note_rss(struct vmspace *vm)
{
	note_rss(vm, pmap_resident(vm->vm_map.vm_pmap));
}

/*
 * The steps are numbered as in docs/design/architecture.md, "The end of an
 * address space"; each relies on the one before.
 */
void
uvmspace_purge(struct vmspace *vm)
{
	struct vm_map *map = &vm->vm_map;
	struct vm_entry *dead;

	KASSERT(lock_none() && !big_held());
	KASSERT(map->vm_pmap != &pmap_kernel);
	KASSERT(refcount_load(&vm->vm_users) == 0 ||
		refcount_load(&vm->vm_refs) == 0);
	if (vm->vm_shm != NULL) {
		uvm_upcalls->up_shmexit(vm);
		KASSERT(vm->vm_shm == NULL);
	}

	/*
	 * 2, 3: this CPU leaves the tables, the others too, and the ASID is
	 * retired: from here on nothing needs a flush, and pmap_enter() fails.
	 */
	pmap_purge(map->vm_pmap);

	rw_write_enter(&map->vm_lock);
	if (map->vm_state == VM_DEAD) {
		KASSERT(map->vm_first == NULL && map->vm_size == 0);
		rw_exit(&map->vm_lock);
		return;
	}
	KASSERT(map->vm_state == VM_LIVE);
	map->vm_state = VM_PURGING;
	/* 4: all translations and their tables, by what is populated. */
	note_rss(vm, pmap_remove_all(map->vm_pmap));
	/* 5: the entries, by address alone. */
	dead = purge_entries(map);
	rw_exit(&map->vm_lock);

	/* 6: what they refer to; may sleep. */
	uvm_entries_drop(dead);

	/* 7 */
	rw_write_enter(&map->vm_lock);
	map->vm_state = VM_DEAD;
	rw_exit(&map->vm_lock);
	count_add(COUNT_PURGE, 1);
	KASSERT(lock_none() && !big_held());
}
