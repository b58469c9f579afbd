/*
 * port_misc.c (vmsim): the console, the end, and what a simulated machine has
 * no use for.
 */
#include <stdio.h>
#include <string.h>

#include <base/cpu.h>
#include <port/frame.h>
#include <port/machdep.h>

#include "sim.h"

size_t (*_Atomic md_console_input)(const char *s, size_t len);

bool sim_verbose;

/* What the kernel says is part of the trace; before that, of nothing. */
void
md_log(const char *s, size_t len)
{
	if (sim_verbose)
		fwrite(s, 1, len, stderr);
	if (det_exploring())
		det_note("log: %.*s", (int)(len < 200 ? len : 200), s);
}

void
md_console_write(const char *s, size_t len)
{
	md_log(s, len);
}

void
md_console_resume(void)
{
}

void
md_halt(int status)
{
	/* Process 1 can die of a lack of memory; nobody is there to look. */
	if (sim_alloc_failed())
		det_end();
	det_fail("the machine halted with status %d", status);
	__builtin_trap();
}

void
md_backtrace(void)
{
}

/* The same numbers in every execution. */
void
md_entropy(void *buf, size_t len)
{
	memset(buf, 0, len);
}

u_long
md_hwcap(void)
{
	return 0;
}

u_long
md_hwcap2(void)
{
	return 0;
}

const char *
md_platform(void)
{
	return MACHINE_NAME;
}

size_t
md_cpuinfo(u_int cpu __unused, char *buf, size_t len)
{
	if (len > 0)
		buf[0] = '\0';
	return 0;
}
