/*
 * shm.c: System V shared memory.
 *
 * A segment is an anonymous object with an owner, a key and a count of its
 * attachments.  The space that attaches it keeps a list of where (vm_shm):
 * shmdt() looks there, a child gets a copy of it, and the end of the space
 * drops it, all at once and exactly once, before the map goes.  So a segment
 * that is marked for removal goes with the last space that shows it, however
 * that ends.
 *
 * A child or shmdt() and an exit cannot meet: the list is under shm_lock, and
 * only users of the space change it.
 *
 * Protection:
 *	I	constant
 *	h	shm_lock
 */
#include <kern/shm.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <kern/time.h>

#define SHM_SLOTS 4096 /* most segments, whatever shmmni says */

/* Sizes in bytes; times in seconds since the Epoch. */
struct shmseg {
	struct uvm_object *sg_obj; /* [I] */
	int32_t sg_key;            /* [h] IPC_PRIVATE once removed */
	uint16_t sg_seq;           /* [I] of its slot, when made */
	u_int sg_slot;             /* [I] */
	bool sg_dest;              /* [h] goes with the last attachment */
	bool sg_locked;            /* [h] */
	uint64_t sg_size;          /* [I] bytes, as asked for */
	uid_t sg_uid, sg_cuid;     /* [h], [I] */
	gid_t sg_gid, sg_cgid;     /* [h], [I] */
	mode_t sg_mode;            /* [h] */
	int64_t sg_atime, sg_dtime, sg_ctime; /* [h] */
	pid_t sg_cpid, sg_lpid;               /* [I], [h] */
	u_long sg_nattch;                     /* [h] */
};

/* One place where a space shows a segment. */
struct shmmap {
	LIST_ENTRY(shmmap) sm_link; /* [h] */
	struct shmseg *sm_seg;      /* [h] NULL: free, being made */
	vaddr_t sm_start;           /* [h] */
};
LIST_HEAD(shmlist, shmmap); /* vm_shm points to one */

/* Inner to the map's lock nowhere, outer to it nowhere: never held together. */
static struct mutex shm_lock;
static struct shmseg **shm_slots; /* [h] SHM_SLOTS of them */
static uint16_t shm_seq;          /* [h] */
static u_long shm_npages;         /* [h] of all segments */
static u_int shm_nseg;            /* [h] */

_Atomic(u_long) shm_max = (u_long)INT64_MAX & ~PAGE_MASK;
_Atomic(u_long) shm_all = (u_long)INT64_MAX >> PAGE_SHIFT;
_Atomic(u_int) shm_mni = SHM_SLOTS;

static int
seg_id(const struct shmseg *sg)
{
	return (int)(sg->sg_seq % 0x8000u) * 0x8000 + (int)sg->sg_slot;
}

static struct shmseg *
seg_find(int id)
{
	struct shmseg *sg;

	if (id < 0 || id % 0x8000 >= SHM_SLOTS || shm_slots == NULL)
		return NULL;
	sg = shm_slots[id % 0x8000];
	return sg != NULL && seg_id(sg) == id ? sg : NULL;
}

/* Take sg out of the table; its structure and object are the caller's. */
static void
seg_unlink(struct shmseg *sg)
{
	KASSERT(mutex_held(&shm_lock));
	KASSERT(sg->sg_nattch == 0 && shm_slots[sg->sg_slot] == sg);
	shm_slots[sg->sg_slot] = NULL;
	KASSERT(shm_nseg > 0);
	shm_nseg--;
	shm_npages -= atop(round_page(sg->sg_size));
}

/* Free what seg_unlink() took out; NULL: nothing.  No lock held. */
static void
seg_free(struct shmseg *sg)
{
	if (sg == NULL)
		return;
	uvm_object_free(sg->sg_obj);
	kmem_free(sg, sizeof(*sg));
}

/* As ipcperms(): whether the caller has all of mode (of 0444, 0222). */
static bool
seg_allows(const struct shmseg *sg, mode_t mode)
{
	const struct ucred *cr = &curproc()->ps_cred;
	mode_t have = sg->sg_mode;
	bool group = cr->cr_egid == sg->sg_gid || cr->cr_egid == sg->sg_cgid;
	u_int i;

	for (i = 0; i < cr->cr_ngroups; i++)
		group |= cr->cr_groups[i] == sg->sg_gid ||
			 cr->cr_groups[i] == sg->sg_cgid;
	if (cr->cr_euid == sg->sg_uid || cr->cr_euid == sg->sg_cuid)
		have >>= 6;
	else if (group)
		have >>= 3;
	mode = (mode >> 6 | mode >> 3 | mode) & 7;
	return (mode & ~have) == 0 || cred_is_root();
}

static bool
seg_owned(const struct shmseg *sg)
{
	const struct ucred *cr = &curproc()->ps_cred;

	return cr->cr_euid == sg->sg_uid || cr->cr_euid == sg->sg_cuid ||
	       cred_is_root();
}

/* The segment id, if it is the caller's to change: EINVAL, EPERM. */
static int
seg_find_owned(int id, struct shmseg **sgp)
{
	KASSERT(mutex_held(&shm_lock));
	*sgp = seg_find(id);
	if (*sgp == NULL)
		return EINVAL;
	return seg_owned(*sgp) ? 0 : EPERM;
}

/* Put sg into a free slot.  ENOSPC. */
static int
seg_insert(struct shmseg *sg)
{
	u_long npages = atop(round_page(sg->sg_size));
	u_int i;

	if (shm_nseg >= atomic_load_explicit(&shm_mni, memory_order_relaxed) ||
	    npages > atomic_load_explicit(&shm_all, memory_order_relaxed) ||
	    shm_npages >
		atomic_load_explicit(&shm_all, memory_order_relaxed) - npages)
		return ENOSPC;
	for (i = 0; i < SHM_SLOTS && shm_slots[i] != NULL; i++)
		continue;
	if (i == SHM_SLOTS)
		return ENOSPC;
	sg->sg_slot = i;
	sg->sg_seq = shm_seq++;
	shm_slots[i] = sg;
	shm_nseg++;
	shm_npages += npages;
	return 0;
}

/* A segment nobody knows yet. */
static int
seg_create(int32_t key, uint64_t size, u_int flags, struct shmseg **sgp)
{
	struct proc *p = curproc();
	struct shmseg *sg;
	char name[24];
	int error;

	if (size == 0 ||
	    size > atomic_load_explicit(&shm_max, memory_order_relaxed))
		return EINVAL;
	sg = kmem_alloc(sizeof(*sg), PA_ZERO);
	if (sg == NULL)
		return ENOMEM;
	error = uao_create(round_page(size), &sg->sg_obj);
	if (error == 0 && (flags & SHM_NORESERVE) == 0 &&
	    (error = uao_commit(sg->sg_obj)) != 0)
		uvm_object_free(sg->sg_obj);
	if (error != 0) {
		kmem_free(sg, sizeof(*sg));
		return error;
	}
	ksnprintf(name, sizeof(name), "/SYSV%08x (deleted)", (u_int)key);
	sg->sg_key = key;
	sg->sg_size = size;
	sg->sg_uid = sg->sg_cuid = p->ps_cred.cr_euid;
	sg->sg_gid = sg->sg_cgid = p->ps_cred.cr_egid;
	sg->sg_mode = flags & 0777;
	sg->sg_cpid = p->ps_pid;
	sg->sg_ctime = (int64_t)(time_real() / NSEC);
	uvm_object_set_name(sg->sg_obj, name, 1, 0);
	*sgp = sg;
	return 0;
}

static struct shmseg *
seg_by_key(int32_t key)
{
	u_int i;

	for (i = 0; i < SHM_SLOTS; i++)
		if (shm_slots[i] != NULL && shm_slots[i]->sg_key == key)
			return shm_slots[i];
	return NULL;
}

int
shm_get(int32_t key, uint64_t size, u_int flags, int *idp)
{
	struct shmseg *sg = NULL, *new = NULL;
	int error = 0;

	if (key == IPC_PRIVATE)
		flags |= IPC_CREAT;
	/* Made beforehand, so that nothing sleeps between look and insert. */
	for (;;) {
		mutex_enter(&shm_lock);
		sg = key == IPC_PRIVATE ? NULL : seg_by_key(key);
		if (sg != NULL || (flags & IPC_CREAT) == 0 || new != NULL)
			break;
		mutex_exit(&shm_lock);
		error = seg_create(key, size, flags, &new);
		if (error != 0)
			return error;
	}
	if (sg == NULL && new == NULL)
		error = ENOENT;
	else if (sg == NULL) {
		error = seg_insert(new);
		if (error == 0) {
			*idp = seg_id(new);
			new = NULL;
		}
	} else if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		error = EEXIST;
	else if (!seg_allows(sg, flags & 0777))
		error = EACCES;
	else if (size > sg->sg_size)
		error = EINVAL;
	else
		*idp = seg_id(sg);
	mutex_exit(&shm_lock);
	seg_free(new);
	return error;
}

/* The list of the caller's space, made if need be; NULL: no memory. */
static struct shmlist *
shm_list(struct vmspace *vm)
{
	struct shmlist *list, *made;

	if (vm->vm_shm != NULL)
		return vm->vm_shm;
	made = kmem_alloc(sizeof(*made), PA_ZERO);
	mutex_enter(&shm_lock);
	list = vm->vm_shm;
	if (list == NULL && made != NULL) {
		LIST_INIT(made);
		list = vm->vm_shm = made;
		made = NULL;
	}
	mutex_exit(&shm_lock);
	if (made != NULL)
		kmem_free(made, sizeof(*made));
	return list;
}

/* One attachment less; the segment to free, if that was its end. */
static struct shmseg *
seg_detach(struct shmseg *sg)
{
	KASSERT(mutex_held(&shm_lock));
	KASSERT(sg->sg_nattch > 0);
	sg->sg_nattch--;
	sg->sg_dtime = (int64_t)(time_real() / NSEC);
	sg->sg_lpid = curproc()->ps_pid;
	if (sg->sg_nattch > 0 || !sg->sg_dest)
		return NULL;
	seg_unlink(sg);
	return sg;
}

/* Find the segment and count the attachment to be.  errno. */
static int
attach_count(int id, u_int flags, struct shmseg **sgp)
{
	mode_t mode = flags & SHM_RDONLY ? 0444 : 0666;
	struct shmseg *sg;
	int error = 0;

	if (flags & SHM_EXEC)
		mode |= 0111;
	mutex_enter(&shm_lock);
	sg = seg_find(id);
	if (sg == NULL)
		error = EINVAL;
	else if (!seg_allows(sg, mode))
		error = EACCES;
	else {
		sg->sg_nattch++;
		*sgp = sg;
	}
	mutex_exit(&shm_lock);
	return error;
}

int
shm_attach(int id, vaddr_t *addr, u_int flags)
{
	struct vmspace *vm = curproc()->ps_vmspace;
	struct uvm_mapargs a = {.um_inherit = INHERIT_SHARE};
	struct shmseg *sg = NULL, *dead = NULL;
	struct shmlist *list = shm_list(vm);
	struct shmmap *sm = kmem_alloc(sizeof(*sm), PA_ZERO);
	int error = ENOMEM;

	if (sm != NULL && list != NULL)
		error = attach_count(id, flags, &sg);
	if (error != 0) {
		if (sm != NULL)
			kmem_free(sm, sizeof(*sm));
		return error;
	}
	a.um_obj = sg->sg_obj;
	a.um_prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) |
		    (flags & SHM_EXEC ? PROT_EXEC : 0);
	a.um_maxprot = flags & SHM_RDONLY ? PROT_READ | PROT_EXEC : PROT_ALL;
	if (*addr != 0) {
		a.um_how = UVM_MAP_FIXED;
		if ((flags & SHM_REMAP) == 0)
			a.um_how |= UVM_MAP_NOREPLACE;
	}
	uvm_object_ref(sg->sg_obj);
	error = uvm_map(&vm->vm_map, addr, round_page(sg->sg_size), &a);
	if (error != 0)
		uvm_object_free(sg->sg_obj);

	mutex_enter(&shm_lock);
	if (error == 0) {
		sm->sm_seg = sg;
		sm->sm_start = *addr;
		LIST_INSERT_HEAD(list, sm, sm_link);
		sg->sg_atime = (int64_t)(time_real() / NSEC);
		sg->sg_lpid = curproc()->ps_pid;
	} else
		dead = seg_detach(sg);
	mutex_exit(&shm_lock);
	seg_free(dead);
	if (error != 0)
		kmem_free(sm, sizeof(*sm));
	return error == EEXIST ? EINVAL : error;
}

/* Unmap what is left of obj as it was mapped at start. */
static void
detach_unmap(struct vm_map *map, vaddr_t start, vsize_t len,
    struct uvm_object *obj)
{
	vaddr_t va = start, from, to;
	struct vm_entry *e;
	bool ours;

	while (va < start + len) {
		rw_read_enter(&map->vm_lock);
		e = uvm_map_next(map, va);
		if (e == NULL || e->ve_start >= start + len) {
			rw_exit(&map->vm_lock);
			return;
		}
		from = MAX(e->ve_start, va);
		to = MIN(e->ve_end, start + len);
		ours = e->ve_obj == obj &&
		       e->ve_off + (from - e->ve_start) == from - start;
		rw_exit(&map->vm_lock);
		if (ours)
			(void)uvm_unmap(map, from, to);
		va = to;
	}
}

int
shm_detach(vaddr_t addr)
{
	struct vmspace *vm = curproc()->ps_vmspace;
	struct shmlist *list;
	struct shmmap *sm = NULL;
	struct uvm_object *obj = NULL;
	struct shmseg *dead = NULL;
	vsize_t len = 0;

	mutex_enter(&shm_lock);
	list = vm->vm_shm;
	if (list != NULL)
		LIST_FOREACH(sm, list, sm_link)
			if (sm->sm_start == addr)
				break;
	if (sm != NULL) {
		LIST_REMOVE(sm, sm_link);
		obj = sm->sm_seg->sg_obj;
		uvm_object_ref(obj);
		len = round_page(sm->sm_seg->sg_size);
		dead = seg_detach(sm->sm_seg);
	}
	mutex_exit(&shm_lock);
	if (sm == NULL)
		return EINVAL;
	detach_unmap(&vm->vm_map, addr, len, obj);
	uvm_object_free(obj);
	seg_free(dead);
	kmem_free(sm, sizeof(*sm));
	return 0;
}

int
shm_fork(struct vmspace *parent, struct vmspace *child)
{
	struct shmmap *sm, *new;
	struct shmlist *list, *to;
	u_int n = 0, have = 0;
	struct shmlist spare = LIST_HEAD_INITIALIZER(spare);
	int error = 0;

	if (parent->vm_shm == NULL)
		return 0;
	to = shm_list(child);
	if (to == NULL)
		return ENOMEM;
	/* Allocate, then look again whether that is enough. */
	for (;;) {
		mutex_enter(&shm_lock);
		list = parent->vm_shm;
		n = 0;
		LIST_FOREACH(sm, list, sm_link)
			n++;
		if (have >= n)
			break;
		mutex_exit(&shm_lock);
		new = kmem_alloc(sizeof(*new), PA_ZERO);
		if (new == NULL) {
			error = ENOMEM;
			n = 0;
			mutex_enter(&shm_lock);
			break;
		}
		LIST_INSERT_HEAD(&spare, new, sm_link);
		have++;
	}
	if (error == 0)
		LIST_FOREACH(sm, list, sm_link) {
			new = LIST_FIRST(&spare);
			LIST_REMOVE(new, sm_link);
			new->sm_seg = sm->sm_seg;
			new->sm_start = sm->sm_start;
			new->sm_seg->sg_nattch++;
			LIST_INSERT_HEAD(to, new, sm_link);
		}
	mutex_exit(&shm_lock);
	while ((new = LIST_FIRST(&spare)) != NULL) {
		LIST_REMOVE(new, sm_link);
		kmem_free(new, sizeof(*new));
	}
	return error;
}

void
shm_exit(struct vmspace *vm)
{
	struct shmlist *list = vm->vm_shm;
	struct shmseg *dead;
	struct shmmap *sm;

	KASSERT(lock_none());
	for (;;) {
		mutex_enter(&shm_lock);
		sm = LIST_FIRST(list);
		dead = NULL;
		if (sm != NULL) {
			LIST_REMOVE(sm, sm_link);
			dead = seg_detach(sm->sm_seg);
		} else
			vm->vm_shm = NULL;
		mutex_exit(&shm_lock);
		if (sm == NULL)
			break;
		seg_free(dead);
		kmem_free(sm, sizeof(*sm));
	}
	kmem_free(list, sizeof(*list));
}

static void
seg_stat(const struct shmseg *sg, struct abi_shmid_ds *ds)
{
	memset(ds, 0, sizeof(*ds));
	ds->shm_perm.key = sg->sg_key;
	ds->shm_perm.uid = sg->sg_uid;
	ds->shm_perm.gid = sg->sg_gid;
	ds->shm_perm.cuid = sg->sg_cuid;
	ds->shm_perm.cgid = sg->sg_cgid;
	ds->shm_perm.mode = sg->sg_mode | (sg->sg_dest ? SHM_DEST : 0u) |
			    (sg->sg_locked ? SHM_LOCKED : 0u);
	ds->shm_perm.seq = sg->sg_seq;
	ds->shm_segsz = sg->sg_size;
	ds->shm_atime = sg->sg_atime;
	ds->shm_dtime = sg->sg_dtime;
	ds->shm_ctime = sg->sg_ctime;
	ds->shm_cpid = sg->sg_cpid;
	ds->shm_lpid = sg->sg_lpid;
	ds->shm_nattch = sg->sg_nattch;
}

int
shm_stat(int id, int cmd, struct abi_shmid_ds *ds, int *idp)
{
	struct shmseg *sg;
	int error = 0;

	mutex_enter(&shm_lock);
	if (cmd == IPC_STAT)
		sg = seg_find(id);
	else
		sg = id >= 0 && id < SHM_SLOTS ? shm_slots[id] : NULL;
	if (sg == NULL)
		error = EINVAL;
	else if (cmd != SHM_STAT_ANY && !seg_allows(sg, 0444))
		error = EACCES;
	else {
		seg_stat(sg, ds);
		*idp = cmd == IPC_STAT ? 0 : seg_id(sg);
	}
	mutex_exit(&shm_lock);
	return error;
}

int
shm_set(int id, uid_t uid, gid_t gid, mode_t mode)
{
	struct shmseg *sg;
	int error;

	mutex_enter(&shm_lock);
	error = seg_find_owned(id, &sg);
	if (error == 0) {
		sg->sg_uid = uid;
		sg->sg_gid = gid;
		sg->sg_mode = mode & 0777;
		sg->sg_ctime = (int64_t)(time_real() / NSEC);
	}
	mutex_exit(&shm_lock);
	return error;
}

int
shm_remove(int id)
{
	struct shmseg *sg, *dead = NULL;
	int error;

	mutex_enter(&shm_lock);
	error = seg_find_owned(id, &sg);
	if (error == 0) {
		sg->sg_dest = true;
		/* Nobody finds it by its key any more. */
		sg->sg_key = IPC_PRIVATE;
		if (sg->sg_nattch == 0) {
			seg_unlink(sg);
			dead = sg;
		}
	}
	mutex_exit(&shm_lock);
	seg_free(dead);
	return error;
}

int
shm_setlock(int id, bool lock)
{
	uint64_t limit = curproc()->ps_rlimit[RLIMIT_MEMLOCK].rlim_cur;
	struct shmseg *sg;
	int error;

	mutex_enter(&shm_lock);
	error = seg_find_owned(id, &sg);
	if (error == 0 && lock && !cred_is_root()) {
		if (limit == 0)
			error = EPERM;
		else if (sg->sg_size > limit)
			error = ENOMEM;
	}
	if (error == 0) {
		sg->sg_locked = lock;
		uao_stay(sg->sg_obj, lock);
	}
	mutex_exit(&shm_lock);
	return error;
}

void
shm_usage(struct shm_usage *su)
{
	struct shmseg *sg;
	u_int i;

	memset(su, 0, sizeof(*su));
	mutex_enter(&shm_lock);
	for (i = 0; i < SHM_SLOTS; i++) {
		sg = shm_slots[i];
		if (sg == NULL)
			continue;
		su->su_max = i;
		rw_read_enter(&sg->sg_obj->uo_lock);
		su->su_resident += sg->sg_obj->uo_npages;
		rw_exit(&sg->sg_obj->uo_lock);
	}
	su->su_nseg = shm_nseg;
	su->su_npages = shm_npages;
	mutex_exit(&shm_lock);
}

bool
shm_next(u_int *slotp, struct abi_shmid_ds *ds, int *idp, u_long *rssp)
{
	struct shmseg *sg = NULL;

	mutex_enter(&shm_lock);
	for (; *slotp < SHM_SLOTS; ++*slotp) {
		sg = shm_slots[*slotp];
		if (sg != NULL)
			break;
	}
	if (sg != NULL) {
		seg_stat(sg, ds);
		*idp = seg_id(sg);
		rw_read_enter(&sg->sg_obj->uo_lock);
		*rssp = sg->sg_obj->uo_npages;
		rw_exit(&sg->sg_obj->uo_lock);
		++*slotp;
	}
	mutex_exit(&shm_lock);
	return sg != NULL;
}

void
shm_init(void)
{
	mutex_init(&shm_lock, RANK_SHM);
	shm_slots = kmem_alloc(SHM_SLOTS * sizeof(*shm_slots), PA_ZERO);
	if (shm_slots == NULL)
		panic("no memory for shared memory");
}
