/*
 * check.c: the hosted port against its contract.
 */
#include <vmspace/check.h>

#include "hosted.h"

static unsigned char bytes[2 * 4096] = {1, 2, 3};
static struct hosted_file file = {.name = "/etc/motd", .bytes = bytes,
    .size = 5000};

void *
vms_check_file(void)
{
	return &file;
}

int
main(void)
{
	struct vms_boot b;

	hosted_boot_info(&b);
	vms_port_check(&b, false);
}
