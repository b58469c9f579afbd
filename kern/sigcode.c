/*
 * sigcode.c: what signal handlers return to.
 *
 * Where the ABI does not make programs bring the call of rt_sigreturn() with
 * them (SA_RESTORER), exec gives each one a page that has it, read-only and
 * shared by all.  It is a mapping like any other: programs may unmap it, and
 * pay for it.
 */
#include <kern/exec.h>
#include <sys/errno.h>
#include <base/print.h>
#include <port/frame.h>
#include <kern/proc.h>

/* Constant after sigcode_boot(); NULL: this machine needs none. */
static struct uvm_object *sigcode_obj;

void
sigcode_boot(void)
{
	const void *code;
	size_t len, done;
	int error;

	code = md_sigcode(&len);
	if (code == NULL)
		return;
	KASSERT(len > 0 && len <= PAGE_SIZE);
	error = uao_create(PAGE_SIZE, &sigcode_obj);
	if (error == 0) {
		uvm_object_set_name(sigcode_obj, "[sigpage]", 0, 0);
		error = uvm_object_io(sigcode_obj, 0, (void *)(uintptr_t)code,
		    0, len, true, &done);
	}
	if (error != 0 || done != len)
		panic("no page for signal handlers: error %d", error);
}

int
sigcode_map(struct vmspace *vm)
{
	struct uvm_mapargs args = {0};
	vaddr_t va = 0;
	int error;

	if (sigcode_obj == NULL)
		return 0;
	args.um_obj = sigcode_obj;
	args.um_prot = args.um_maxprot = PROT_READ | PROT_EXEC;
	args.um_inherit = INHERIT_SHARE;
	uvm_object_ref(sigcode_obj);
	error = uvm_map(&vm->vm_map, &va, PAGE_SIZE, &args);
	if (error == 0)
		vm->vm_sigcode = va;
	else
		uvm_object_free(sigcode_obj);
	return error;
}
