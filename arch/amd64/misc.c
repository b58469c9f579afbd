/*
 * misc.c: the end of the machine, page contents, random numbers.
 */
#include "amd64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

/* QEMU's isa-debugcon and isa-debug-exit, where a run script puts them. */
#define PORT_STATUS 0xe9
#define PORT_EXIT   0xf4

/*
 * The status goes out as text, because the exit device can say nothing even,
 * then by that device, and if there is none the power is switched off.
 */
void
md_halt(int status)
{
	char line[32];
	const char *p;

	(void)md_intr_disable();
	md_console_flush();
	ksnprintf(line, sizeof(line), "exit %d\n", status & 0xff);
	for (p = line; *p != '\0'; p++)
		outb(PORT_STATUS, (uint8_t)*p);
	outb(PORT_EXIT, (uint8_t)status);
	md_acpi_off();
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

void
md_page_zero(void *page)
{
	u_long n = PAGE_SIZE / 8;

	KASSERT(((uintptr_t)page & PAGE_MASK) == 0);
	__asm__ volatile("rep stosq"
			 : "+D"(page), "+c"(n)
			 : "a"(0ul)
			 : "memory");
}

void
md_page_copy(void *dst, const void *src)
{
	u_long n = PAGE_SIZE / 8;

	KASSERT((((uintptr_t)dst | (uintptr_t)src) & PAGE_MASK) == 0);
	__asm__ volatile("rep movsq"
			 : "+D"(dst), "+S"(src), "+c"(n)
			 :
			 : "memory");
}

/* SDM vol. 1, 7.3.17: ten failures in a row mean that it is broken. */
bool
md_random(uint64_t *v)
{
	u_int tries;
	uint8_t ok;

	for (tries = 0; md_feat.cf_rdrand && tries < 10; tries++) {
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*v), "=qm"(ok));
		if (ok)
			return true;
	}
	return false;
}
