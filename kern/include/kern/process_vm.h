/*
 * process_vm.h: reading and writing the memory of another process.
 */
#ifndef KERN_PROCESS_VM_H
#define KERN_PROCESS_VM_H

#include <sys/abi.h>
#include <kern/proc.h>

/*
 * No lock held; may sleep.
 *
 * process_vm_get: a reference on the space of the process that thread tid is
 *	of, if the caller may trace it.  ESRCH: no such thread, or its
 *	process has no space; EBUSY: in exec; EPERM.
 * process_vm_copy: bytes from the pieces of rvec in vm to those of lvec in the
 *	caller's space, or the other way if write, as far as both go.
 *	*totalp bytes, also on error.  EFAULT: some page cannot be had, or vm
 *	is dead; ENOMEM; EINTR: killed.
 */
int process_vm_get(pid_t tid, struct vmspace **vmp);
int process_vm_copy(struct vmspace *vm, const struct abi_iovec *lvec, u_int nl,
    const struct abi_iovec *rvec, u_int nr, bool write, size_t *totalp);

#endif
