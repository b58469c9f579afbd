/*
 * uvm_fork.c: a child's address space.
 *
 * Nothing is copied but the entries.  Private memory is marked needs-copy on
 * both sides, and write-protected; page tables are shared where all that they
 * map is inherited (pmap_share.c).
 *
 *	parent  [entry NC]--.              .--[entry NC]  child
 *	                    v              v
 *	                [ amap, two references ]
 *	                  |        |       |
 *	                [anon]   [anon]  [anon]
 *
 * Whoever writes first gets an amap of its own that holds the same anons,
 * each then with two references, and copies the page it writes; the other
 * finds itself alone with the old amap.
 *
 * Locks: the parent's map for writing, then the child's, which nobody else
 * can reach yet, as a second lock of the same rank.  Amap locks inside.
 */
#include <uvm/uvm.h>

#include <sys/errno.h>

#include <base/kassert.h>

#include "uvm_local.h"

/* The child's part of a private entry: a copy-on-write copy. */
static int
fork_copy(struct vm_entry *pe, struct vm_entry *ce)
{
	struct vm_amap *am = pe->ve_amap;
	uint64_t slot = entry_slot(pe, pe->ve_start);

	KASSERT((pe->ve_flags & VE_COW) != 0);
	if (am == NULL)
		return 0;
	ce->ve_flags |= VE_INHERITED;
	if (amap_shared(am)) {
		/*
		 * Others write through the parent's amap, and go on doing so:
		 * the child's copy is made now, and their mappings narrowed
		 * so that their next write copies the page.
		 */
		ce->ve_amap = amap_copy(am, slot, entry_npages(pe));
		if (ce->ve_amap == NULL)
			return ENOMEM;
		amap_protect_pages(am, slot, entry_npages(pe));
		return 0;
	}
	pe->ve_flags |= VE_NEEDSCOPY;
	ce->ve_flags |= VE_NEEDSCOPY;
	amap_ref(am);
	return 0;
}

/* The child's part of an entry whose memory both use. */
static int
fork_share(struct vm_entry *pe, struct vm_entry *ce)
{
	int error;

	if ((pe->ve_flags & VE_COW) == 0)
		return 0;
	/* Private to the family: from now on they write to one amap. */
	error = uvm_entry_own(pe);
	if (error != 0)
		return error;
	atomic_fetch_or_explicit(&pe->ve_amap->am_flags, AMAP_SHARED,
	    memory_order_relaxed);
	amap_ref(pe->ve_amap);
	ce->ve_amap = pe->ve_amap;
	ce->ve_flags = pe->ve_flags | VE_INHERITED;
	return 0;
}

/*
 * A page that both sides are going to write to: the child's copy of it, and the
 * amap that holds it, are made now.  The parent's page stays alone with its
 * anon and mapped as it is, so that neither takes a fault.  And all that the
 * tables are to be told.
 */
struct fork_hot {
	vaddr_t fh_va;         /* of the page; 0: there is none */
	struct vm_anon *fh_an; /* the child's, held; NULL: not made */
	struct pmap_fork fh_how;
};

/* A new anon with what pe, which owns its amap, has alone at va; or NULL. */
static struct vm_anon *
hot_copy(const struct vm_entry *pe, vaddr_t va)
{
	struct vm_amap *am = pe->ve_amap;
	struct vm_anon *an, *new = NULL;
	struct vm_page *pg, *copy;
	struct radix_at at;
	bool alone;

	rw_read_enter(&am->am_lock);
	an = amap_find(am, entry_slot(pe, va), &at, &alone);
	pg = alone ? uvm_anon_page(an) : NULL;
	if (pg != NULL && (new = uvm_anon_alloc(0, &copy)) != NULL)
		pmap_copy_page(pg, copy);
	rw_exit(&am->am_lock);
	return new;
}

/*
 * The child's part of the private entry that the hot page is in.  False: it is
 * not as it should be, or there is no memory, and nothing was done.
 */
static bool
fork_hot(struct vm_entry *pe, struct vm_entry *ce, struct fork_hot *fh)
{
	uint64_t slot = entry_slot(pe, pe->ve_start);
	uint64_t hot = entry_slot(pe, fh->fh_va);
	struct vm_anon *an, *old;
	struct radix_at at;
	struct vm_amap *am;
	bool alone;
	int error;

	if (pe->ve_amap == NULL || amap_shared(pe->ve_amap) ||
	    (pe->ve_flags & VE_NEEDSCOPY) != 0 || pe->ve_wired != 0 ||
	    (pe->ve_prot & PROT_WRITE) == 0)
		return false;
	an = hot_copy(pe, fh->fh_va);
	if (an == NULL)
		return false;
	am = amap_copy(pe->ve_amap, slot, entry_npages(pe));
	error = ENOMEM;
	if (am != NULL) {
		rw_write_enter(&am->am_lock);
		(void)amap_find(am, hot, &at, &alone);
		error = amap_replace(am, hot, &an, &old, 1, &at);
		if (error == 0)
			fh->fh_how.pf_page = uvm_anon_hold(an);
		rw_exit(&am->am_lock);
	}
	if (error != 0) {
		if (am != NULL)
			amap_free(am);
		uvm_anon_rele(an);
		return false;
	}
	uvm_anon_rele(old);
	ce->ve_amap = am;
	ce->ve_flags |= VE_INHERITED;
	fh->fh_an = an;
	fh->fh_how.pf_va = fh->fh_va;
	fh->fh_how.pf_prot = uvm_prot_effective(pe->ve_prot);
	return true;
}

/* What is mapped of shared memory need not be write-protected: note where. */
static void
fork_stay(const struct vm_entry *pe, struct pmap_fork *how)
{
	if ((pe->ve_flags & VE_COW) != 0 || (pe->ve_prot & PROT_WRITE) == 0 ||
	    how->pf_nstay == PMAP_NSTAY)
		return;
	how->pf_stay[how->pf_nstay].st_start = pe->ve_start;
	how->pf_stay[how->pf_nstay++].st_end = pe->ve_end;
}

/* Entries for the child: some at a time, for as many as are to come. */
struct fork_stock {
	struct vm_entry *fs_entry[UVM_ENTRY_BATCH];
	u_int fs_n;     /* in here */
	u_long fs_left; /* parent's entries not seen yet */
};

/* One that says the same as pe; NULL: no memory. */
static struct vm_entry *
fork_clone(struct fork_stock *fs, const struct vm_entry *pe)
{
	struct vm_entry *ce;

	if (fs->fs_n == 0)
		fs->fs_n = uvm_entry_alloc_batch(fs->fs_entry,
		    (u_int)MIN(fs->fs_left, UVM_ENTRY_BATCH));
	if (fs->fs_n == 0)
		return NULL;
	ce = fs->fs_entry[--fs->fs_n];
	*ce = *pe;
	return ce;
}

/* The child's entry for pe; *cep NULL: it has none. */
static int
fork_entry(struct fork_stock *fs, struct fork_hot *fh, struct vm_entry *pe,
    struct vm_entry **cep)
{
	struct vm_entry *ce;
	int error;

	*cep = NULL;
	if (pe->ve_inherit == INHERIT_NONE || (pe->ve_flags & VE_DONTFORK) != 0)
		return 0;
	ce = fork_clone(fs, pe);
	if (ce == NULL)
		return ENOMEM;
	/* Locks on memory are not inherited. */
	ce->ve_wired = 0;

	switch (pe->ve_inherit) {
	case INHERIT_SHARE:
		error = fork_share(pe, ce);
		if (error == 0)
			fork_stay(pe, &fh->fh_how);
		break;
	case INHERIT_ZERO:
		KASSERT(pe->ve_obj == NULL);
		ce->ve_amap = NULL;
		ce->ve_flags &= (uint16_t) ~(VE_NEEDSCOPY | VE_INHERITED);
		error = 0;
		break;
	default:
		error = 0;
		if (fh->fh_va < pe->ve_start || fh->fh_va >= pe->ve_end ||
		    !fork_hot(pe, ce, fh))
			error = fork_copy(pe, ce);
		break;
	}
	if (error != 0) {
		uvm_entry_free(ce);
		return error;
	}
	uvm_entry_hold_object(ce);
	*cep = ce;
	return 0;
}

/* Whether the child sees at once what the parent has mapped there. */
static bool
fork_mapped(const struct vm_entry *pe)
{
	/* Wired entries of the tables speak for the parent alone. */
	return pe->ve_wired == 0 && (pe->ve_flags & VE_DONTFORK) == 0 &&
	       (pe->ve_inherit == INHERIT_COPY ||
		   pe->ve_inherit == INHERIT_SHARE);
}

/*
 * Write-protect what is private now, and give the child the translations: of
 * each stretch between entries that it does not simply get.
 */
static void
fork_tables(struct vm_map *parent, struct vm_map *child,
    const struct pmap_fork *how)
{
	struct vm_entry *pe;
	vaddr_t start = 0;

	for (pe = parent->vm_first; pe != NULL; pe = pe->ve_next) {
		if (fork_mapped(pe))
			continue;
		pmap_fork(parent->vm_pmap, child->vm_pmap, start, pe->ve_start,
		    how);
		start = pe->ve_end;
		if (pe->ve_inherit == INHERIT_COPY)
			pmap_protect(parent->vm_pmap, pe->ve_start, pe->ve_end,
			    PROT_READ | PROT_EXEC);
	}
	pmap_fork(parent->vm_pmap, child->vm_pmap, start, VM_MAXUSER_ADDRESS,
	    how);
}

int
uvmspace_fork(struct vmspace *parent, struct vmspace **childp, vaddr_t hot)
{
	struct vm_map *pm = &parent->vm_map, *cm;
	struct vm_entry *pe, *ce, *last = NULL;
	struct vmspace *child;
	struct fork_stock fs;
	struct fork_hot fh;
	bool alike = false; /* entries that differ in the parent may be */
	int error;

	error = uvmspace_create_like(&child, pm->vm_pmap);
	if (error != 0)
		return error;
	cm = &child->vm_map;
	error = uvm_map_lock(pm);
	if (error != 0) {
		uvmspace_free(child);
		return error;
	}
	error = uvm_commit_check(atop(pm->vm_commit));
	if (error != 0) {
		uvm_map_unlock(pm);
		uvmspace_free(child);
		return error;
	}
	rw_write_enter_nested(&cm->vm_lock);
	cm->vm_aslimit = pm->vm_aslimit;
	cm->vm_datalimit = pm->vm_datalimit;
	cm->vm_mmapbase = pm->vm_mmapbase;
	fh.fh_an = NULL;
	fh.fh_how.pf_page = NULL;
	fh.fh_how.pf_nstay = 0;
	fh.fh_va = refcount_alone(&parent->vm_users) ? trunc_page(hot) : 0;
	fs.fs_n = 0;
	fs.fs_left = pm->vm_nentries;
	for (pe = pm->vm_first; pe != NULL && error == 0; pe = pe->ve_next) {
		error = fork_entry(&fs, &fh, pe, &ce);
		fs.fs_left--;
		alike |= pe->ve_wired != 0 || pe->ve_inherit == INHERIT_ZERO;
		if (error == 0 && ce != NULL) {
			uvm_tree_append(cm, ce, last);
			last = ce;
		}
	}
	uvm_entry_free_batch(fs.fs_entry, fs.fs_n);
	if (cm->vm_nentries == pm->vm_nentries)
		uvm_tree_mirror(cm, pm);
	else
		uvm_tree_build(cm);
	if (alike)
		uvm_map_simplify(cm, 0, VM_MAXUSER_ADDRESS);
	fork_tables(pm, cm, &fh.fh_how);
	if (fh.fh_an != NULL)
		uvm_anon_unhold(fh.fh_an);
	child->vm_maxsaddr = parent->vm_maxsaddr;
	child->vm_minsaddr = parent->vm_minsaddr;
	child->vm_ssize = parent->vm_ssize;
	child->vm_brkbase = parent->vm_brkbase;
	child->vm_brk = parent->vm_brk;
	child->vm_taddr = parent->vm_taddr;
	child->vm_tend = parent->vm_tend;
	child->vm_daddr = parent->vm_daddr;
	child->vm_dend = parent->vm_dend;
	child->vm_argaddr = parent->vm_argaddr;
	child->vm_argend = parent->vm_argend;
	child->vm_envaddr = parent->vm_envaddr;
	child->vm_envend = parent->vm_envend;
	child->vm_auxaddr = parent->vm_auxaddr;
	child->vm_auxend = parent->vm_auxend;
	child->vm_sigcode = parent->vm_sigcode;
	uvm_map_unlock(cm);
	uvm_map_unlock(pm);
	if (error != 0) {
		uvmspace_free(child);
		return error;
	}
	*childp = child;
	return 0;
}
