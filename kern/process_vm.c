/*
 * process_vm.c: copying between the caller's memory and another process's.
 *
 * The other one may exit or exec meanwhile: the reference keeps the
 * structure, and what has been emptied answers EFAULT.
 */
#include <kern/process_vm.h>
#include <sys/errno.h>
#include <phys/kmem.h>
#include <phys/page.h>

int
process_vm_get(pid_t tid, struct vmspace **vmp)
{
	struct proc *p;
	int error;

	p = proc_find_tid(tid);
	if (p == NULL)
		return ESRCH;
	error = proc_vmspace_wait(p, vmp);
	/* Asked now, not before: an exec may have changed who it is. */
	if (error == 0 && !cred_can_trace(p)) {
		uvmspace_free(*vmp);
		error = EPERM;
	}
	proc_rele(p);
	return error;
}

/* One piece through a page of kernel memory. */
static int
copy_piece(struct vmspace *vm, vaddr_t remote, vaddr_t local, char *buf,
    size_t len, bool write, size_t *donep)
{
	int error;

	*donep = 0;
	if (write) {
		error = copyin(local, buf, len);
		return error != 0
			   ? error
			   : uvm_io(vm, remote, buf, len, true, 0, donep);
	}
	error = uvm_io(vm, remote, buf, len, false, 0, donep);
	if (*donep > 0 && copyout(buf, local, *donep) != 0) {
		*donep = 0;
		error = EFAULT;
	}
	return error;
}

int
process_vm_copy(struct vmspace *vm, const struct abi_iovec *lvec, u_int nl,
    const struct abi_iovec *rvec, u_int nr, bool write, size_t *totalp)
{
	size_t loff = 0, roff = 0, len, done;
	u_int l = 0, r = 0;
	char *buf;
	int error = 0;

	*totalp = 0;
	buf = kmem_alloc(PAGE_SIZE, 0);
	if (buf == NULL)
		return ENOMEM;
	while (error == 0 && l < nl && r < nr) {
		len = MIN(lvec[l].iov_len - loff, rvec[r].iov_len - roff);
		len =
		    MIN(len, PAGE_SIZE - (rvec[r].iov_base + roff) % PAGE_SIZE);
		len =
		    MIN(len, PAGE_SIZE - (lvec[l].iov_base + loff) % PAGE_SIZE);
		if (len > 0) {
			error = copy_piece(vm, rvec[r].iov_base + roff,
			    lvec[l].iov_base + loff, buf, len, write, &done);
			*totalp += done;
			loff += done;
			roff += done;
		}
		if (loff == lvec[l].iov_len) {
			l++;
			loff = 0;
		}
		if (roff == rvec[r].iov_len) {
			r++;
			roff = 0;
		}
		if (sig_killed())
			error = EINTR;
	}
	kmem_free(buf, PAGE_SIZE);
	return error;
}
