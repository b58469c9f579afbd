/*
 * psci.c: calls of the firmware that starts and stops CPUs (Arm DEN 0022, by
 * the calling convention of DEN 0028).
 */
#include "arm64.h"

long
md_psci_call(uint32_t fn, u_long a, u_long b, u_long c)
{
	register u_long x0 __asm__("x0") = fn;
	register u_long x1 __asm__("x1") = a;
	register u_long x2 __asm__("x2") = b;
	register u_long x3 __asm__("x3") = c;

	if (!md_hw.hw_psci)
		return -1; /* NOT_SUPPORTED */
	if (md_hw.hw_smc)
		__asm__ volatile("smc #0"
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
				 :
				 : "memory", "x4", "x5", "x6", "x7", "x8", "x9",
				 "x10", "x11", "x12", "x13", "x14", "x15",
				 "x16", "x17");
	else
		__asm__ volatile("hvc #0"
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
				 :
				 : "memory", "x4", "x5", "x6", "x7", "x8", "x9",
				 "x10", "x11", "x12", "x13", "x14", "x15",
				 "x16", "x17");
	return (long)x0;
}
