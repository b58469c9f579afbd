/*
 * tiny.c: a static program that does nothing, without a C library: what
 * "fork + exec + exit" measures is then the kernel alone.
 */
void _start(void);

void
_start(void)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall" ::"a"(231), "D"(0));
#elif defined(__aarch64__)
	register long x0 __asm__("x0") = 0, x8 __asm__("x8") = 94;

	__asm__ volatile("svc #0" ::"r"(x0), "r"(x8));
#endif
	__builtin_unreachable();
}
