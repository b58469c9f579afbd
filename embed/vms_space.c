/*
 * vms_space.c: spaces and what is in them, as <vmspace/vmspace.h> has it.
 *
 * Thin: arguments that may come from programs are checked here, because what
 * lies below asserts them.
 */
#include "vms_local.h"

/* Where placement begins below the top, in pages, at most: 1 TiB. */
#define RANDOM_PAGES (1ull << 28)

int
vms_create(struct vmspace **vmp)
{
	int error = uvmspace_create(vmp);

	if (error == 0)
		(*vmp)->vm_map.vm_mmapbase -=
		    ptoa(vms_random_pages(RANDOM_PAGES));
	return error;
}

int
vms_fork(struct vmspace *parent, struct vmspace **childp)
{
	uint64_t t = vms_trace_begin();

	return vms_trace_end("fork", parent, 0, t,
	    uvmspace_fork(parent, childp, 0));
}

void
vms_share(struct vmspace *vm)
{
	uvmspace_share(vm);
}

bool
vms_hold(struct vmspace *vm)
{
	return uvmspace_tryref(vm);
}

void
vms_activate(struct vmspace *vm)
{
	pmap_activate(vm == NULL ? &pmap_kernel : vm_pmap(vm));
}

bool
vms_exit(struct vmspace *vm)
{
	uint64_t t = vms_trace_begin();
	bool last = uvmspace_leave(vm);

	if (last)
		uvmspace_purge(vm);
	vms_activate(NULL);
	vms_trace_end("purge", vm, 0, t, 0);
	return last;
}

/* [*addr, *addr + *len) in whole pages, or EINVAL. */
static int
whole_pages(uintptr_t addr, size_t *len)
{
	if ((addr & PAGE_MASK) != 0 || *len == 0 || *len > VM_MAXUSER_ADDRESS)
		return EINVAL;
	*len = round_page(*len);
	return addr > VM_MAXUSER_ADDRESS - *len ? EINVAL : 0;
}

int
vms_map_args(struct vmspace *vm, uintptr_t *addr, size_t len, unsigned prot,
    unsigned flags, struct uvm_mapargs *args)
{
	uint64_t t = vms_trace_begin();
	int error;

	if ((prot & ~(VMS_READ | VMS_WRITE | VMS_EXEC)) != 0 ||
	    (flags & ~(VMS_FIXED | VMS_NOREPLACE | VMS_SHARED)) != 0)
		return EINVAL;
	if ((flags & VMS_FIXED) == 0)
		*addr = trunc_page(*addr) > VM_MAXUSER_ADDRESS - len
			    ? 0
			    : trunc_page(*addr);
	error = whole_pages(*addr, &len);
	if (error != 0)
		return error;
	args->um_prot = prot;
	args->um_inherit = INHERIT_COPY;
	if ((flags & VMS_SHARED) != 0)
		args->um_inherit = INHERIT_SHARE;
	else
		args->um_flags |= VE_COW;
	if ((flags & VMS_FIXED) != 0)
		args->um_how |= UVM_MAP_FIXED;
	if ((flags & VMS_NOREPLACE) != 0)
		args->um_how |= UVM_MAP_NOREPLACE;
	error = uvm_map(&vm->vm_map, addr, len, args);
	return vms_trace_end("map", vm, *addr, t, error);
}

int
vms_map(struct vmspace *vm, uintptr_t *addr, size_t len, unsigned prot,
    unsigned flags)
{
	struct uvm_mapargs args = {.um_maxprot = PROT_ALL};
	int error;

	if (len == 0 || len > VM_MAXUSER_ADDRESS)
		return len == 0 ? EINVAL : ENOMEM;
	/* What is shared needs somebody to own it. */
	if ((flags & VMS_SHARED) != 0) {
		error = uao_create(round_page(len), &args.um_obj);
		if (error != 0)
			return error;
	}
	error = vms_map_args(vm, addr, len, prot, flags, &args);
	if (error != 0 && args.um_obj != NULL)
		uvm_object_free(args.um_obj);
	return error;
}

int
vms_unmap(struct vmspace *vm, uintptr_t addr, size_t len)
{
	uint64_t t = vms_trace_begin();
	int error = whole_pages(addr, &len);

	if (error == 0)
		error = uvm_unmap(&vm->vm_map, addr, addr + len);
	return vms_trace_end("unmap", vm, addr, t, error);
}

int
vms_protect(struct vmspace *vm, uintptr_t addr, size_t len, unsigned prot)
{
	int error = whole_pages(addr, &len);

	if ((prot & ~(VMS_READ | VMS_WRITE | VMS_EXEC)) != 0)
		error = EINVAL;
	if (error == 0)
		error = uvm_protect(&vm->vm_map, addr, addr + len, prot);
	return error;
}

int
vms_stack(struct vmspace *vm, uintptr_t top, size_t size, size_t limit)
{
	struct uvm_mapargs args = {
	    .um_prot = PROT_READ | PROT_WRITE,
	    .um_maxprot = PROT_ALL,
	    .um_inherit = INHERIT_COPY,
	    .um_flags = VE_COW | VE_STACK,
	    .um_how = UVM_MAP_FIXED | UVM_MAP_NOREPLACE,
	};
	vaddr_t va;
	int error;

	size = round_page(size);
	limit = trunc_page(limit);
	if ((top & PAGE_MASK) != 0 || size == 0 || size > limit ||
	    top > VM_MAXUSER_ADDRESS || limit > top - VM_MIN_ADDRESS)
		return EINVAL;
	va = top - size;
	error = uvm_map(&vm->vm_map, &va, size, &args);
	if (error != 0)
		return error;
	vm->vm_minsaddr = top;
	vm->vm_maxsaddr = top - limit;
	vm->vm_ssize = size;
	/* Other mappings go below, out of its way, if there is room. */
	if (vm->vm_maxsaddr > VM_MAXUSER_ADDRESS / 2)
		vm->vm_map.vm_mmapbase = vm->vm_maxsaddr - VM_STACK_MAXGAP -
					 ptoa(vms_random_pages(RANDOM_PAGES));
	return 0;
}

void
vms_heap(struct vmspace *vm, uintptr_t start)
{
	KASSERT(start <= VM_MAXUSER_ADDRESS);
	vm->vm_brkbase = vm->vm_brk = round_page(start);
}

uintptr_t
vms_brk(struct vmspace *vm, uintptr_t want)
{
	return vm->vm_brkbase == 0 ? 0 : uvm_brk(vm, want, VM_MAXUSER_ADDRESS);
}

int
vms_fault(struct vmspace *vm, uintptr_t va, unsigned access)
{
	uint64_t t = vms_trace_begin();
	int error = EFAULT;

	KASSERT(
	    access == VMS_READ || access == VMS_WRITE || access == VMS_EXEC);
	if (va < VM_MAXUSER_ADDRESS) {
		error = uvm_fault(&vm->vm_map, va, access, 0);
		/* It may be where the stack grows to. */
		if (error == EFAULT && vm->vm_minsaddr != 0 &&
		    uvm_grow(vm, va, vm->vm_minsaddr - vm->vm_maxsaddr))
			error = uvm_fault(&vm->vm_map, va, access, 0);
	}
	return vms_trace_end("fault", vm, va, t, error);
}

/*
 * uvm_io() finds out about holes, and makes code that was written fetchable; it
 * cannot know what lies outside.
 */
static int
copy(struct vmspace *vm, uintptr_t va, void *buf, size_t len, bool write)
{
	size_t done;

	if (len > VM_MAXUSER_ADDRESS || va > VM_MAXUSER_ADDRESS - len)
		return EFAULT;
	return uvm_io(vm, va, buf, len, write, 0, &done);
}

int
vms_read(struct vmspace *vm, uintptr_t va, void *buf, size_t len)
{
	return copy(vm, va, buf, len, false);
}

int
vms_write(struct vmspace *vm, uintptr_t va, const void *buf, size_t len)
{
	return copy(vm, va, (void *)(uintptr_t)buf, len, true);
}

bool
vms_next(struct vmspace *vm, uintptr_t va, struct vms_info *info)
{
	const struct uvm_pagerops *ops;
	struct vm_entry *e;

	*info = (struct vms_info){0};
	rw_read_enter(&vm->vm_map.vm_lock);
	e = uvm_map_next(&vm->vm_map, va);
	if (e != NULL) {
		info->vi_start = e->ve_start;
		info->vi_end = e->ve_end;
		info->vi_prot = e->ve_prot;
		info->vi_shared = (e->ve_flags & VE_COW) == 0;
		info->vi_off = e->ve_off;
		ops = e->ve_obj != NULL ? e->ve_obj->uo_ops : NULL;
		if (ops != NULL && ops->uo_name != NULL)
			ops->uo_name(e->ve_obj, info->vi_name,
			    sizeof(info->vi_name));
		if (ops != NULL && ops->uo_ident != NULL)
			ops->uo_ident(e->ve_obj, &info->vi_dev, &info->vi_ino);
	}
	rw_exit(&vm->vm_map.vm_lock);
	return e != NULL;
}

size_t
vms_resident(struct vmspace *vm)
{
	return pmap_resident(vm_pmap(vm));
}
