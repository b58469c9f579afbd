/*
 * check.c: the demo's port against its contract, for "make port-check".
 *
 * Linked with --wrap=vms_boot: what the kernel calls to boot the VM is the
 * program that checks the port instead.
 */
#include <vmspace/check.h>

#include "demo.h"

void __wrap_vms_boot(const struct vms_bootinfo *b);
void __real_vms_boot(const struct vms_bootinfo *b);

void
__wrap_vms_boot(const struct vms_bootinfo *b)
{
	static int calls;

	if (calls++ > 0)
		__real_vms_boot(b);
	else
		vms_port_check(b, true);
}

void
demo_bad(struct frame *f, uintptr_t va)
{
	if (vms_check_fault(va))
		frame_resume(f);
	demo_kill("kernel");
}
