/*
 * uvm_io.c: bytes of any address space, for debuggers, process_vm_readv() and
 * exec.
 *
 * Each page is found as a fault finds it, with all that a fault does about
 * copy-on-write, and is then read or written through the direct map while
 * its owner is locked.  The pmap is not asked and gains nothing: it may belong
 * to a space that runs elsewhere, or one that no thread has entered yet.  A
 * space that is being purged is found dead under its map lock.
 */
#include <uvm/uvm.h>

#include <sys/errno.h>

#include <base/kassert.h>
#include <base/print.h>

#include "uvm_local.h"

bool uvm_conceal;

/*
 * Whether the kernel does not tell what is in e, though the machine would:
 * without PROT_READ, or concealed.
 */
static bool
is_hidden(const struct vm_entry *e, bool write, u_int flags)
{
	if (!write && (flags & UVM_FAULT_FORCE) == 0 &&
	    (e->ve_prot & PROT_READ) == 0)
		return true;
	return uvm_conceal && (e->ve_flags & VE_DONTDUMP) != 0;
}

int
uvm_io(struct vmspace *vm, vaddr_t va, void *kbuf, size_t len, bool write,
    u_int flags, size_t *donep)
{
	struct uvm_faultinfo ufi = {
	    .ufi_map = &vm->vm_map,
	    .ufi_access = write ? PROT_WRITE : PROT_READ,
	    .ufi_flags = flags,
	};
	size_t done, n, off;
	char *p;
	int error;

	KASSERT(refcount_load(&vm->vm_refs) > 0);
	error = 0;
	for (done = 0; done < len; done += n) {
		off = (va + done) & PAGE_MASK;
		n = MIN(len - done, PAGE_SIZE - off);
		ufi.ufi_va = trunc_page(va + done);
		error = uvm_fault_hold(&ufi);
		if (error != 0)
			break;
		if (is_hidden(ufi.ufi_entry, write, flags)) {
			uvm_fault_drop(&ufi);
			error = EFAULT;
			break;
		}
		p = (char *)page_direct(ufi.ufi_page) + off;
		if (write) {
			memcpy(p, (char *)kbuf + done, n);
			page_set_modified(ufi.ufi_page);
			pmap_page_written(ufi.ufi_page);
		} else
			memcpy((char *)kbuf + done, p, n);
		page_set_referenced(ufi.ufi_page);
		uvm_fault_drop(&ufi);
	}
	*donep = done;
	return error == 0 || error == ENOMEM ? error : EFAULT;
}
