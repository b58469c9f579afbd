/*
 * check.h: does a port keep the contract?
 *
 * A kernel that is built for it calls vms_port_check() where it would call
 * vms_boot(), and vms_check_fault() first thing when a page fault comes from
 * kernel mode.  The program touches user addresses from kernel mode: SMAP and
 * PAN are to be off.  docs/PORTING.md says how to run it.
 */
#ifndef VMSPACE_CHECK_H
#define VMSPACE_CHECK_H

#include <vmspace/vmspace.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * vms_port_check: boot the VM and try every function of the port.  The first
 *	sentence of the contract that is not kept is logged as
 *		port-check: BROKEN md_NAME: the sentence
 *	followed by what was seen, and the machine halts with status 1; or
 *	"port-check: kept", and status 0.  mmu: programs' addresses are
 *	translated by hardware; false in a hosted port, where what takes a
 *	load through the tables is not tried.
 * vms_check_fault: kernel mode touched va and there is no translation.  True:
 *	resume, and try again.  False: it is none of ours.
 */
__attribute__((noreturn)) void vms_port_check(const struct vms_boot *b,
    bool mmu);
bool vms_check_fault(uintptr_t va);

/* The port's own, from tier 3 on: a file of 5,000 bytes that can be written. */
void *vms_check_file(void);

#ifdef __cplusplus
}
#endif

#endif
