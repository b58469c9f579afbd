/*
 * port_sys.c (host): what the hosted machine takes from the process around
 * it: memory, output, an end.
 *
 * Included system headers come first: ours have some of their names.
 */
#include <execinfo.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/kassert.h>

#include "host.h"

#ifdef ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define GUARD_LEN PAGE_SIZE /* below a stack, never mapped */

uintptr_t host_direct;
size_t (*_Atomic md_console_input)(const char *s, size_t len);

void
host_ram_init(size_t len)
{
	char *p;

	/* A page may be larger than the host's. */
	p = mmap(NULL, len + PAGE_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		abort();
	host_direct = roundup2((uintptr_t)p, PAGE_SIZE) - HOST_RAM_START;
}

void *
host_map_stack(size_t len)
{
	char *p;

	p = mmap(NULL, GUARD_LEN + len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED || mprotect(p, GUARD_LEN, PROT_NONE) != 0)
		abort();
	return p + GUARD_LEN;
}

void
host_main_stack(void **stack, size_t *len)
{
	pthread_attr_t attr;

	if (pthread_getattr_np(pthread_self(), &attr) != 0 ||
	    pthread_attr_getstack(&attr, stack, len) != 0)
		abort();
	pthread_attr_destroy(&attr);
}

static void
write_all(int fd, const char *s, size_t len)
{
	ssize_t n;

	while (len > 0 && (n = write(fd, s, len)) > 0) {
		s += n;
		len -= (size_t)n;
	}
}

void
md_log(const char *s, size_t len)
{
	write_all(STDERR_FILENO, s, len);
}

void
md_console_write(const char *s, size_t len)
{
	write_all(STDOUT_FILENO, s, len);
}

/* Nobody types. */
void
md_console_resume(void)
{
}

void
md_halt(int status)
{
	_exit(status);
}

void
md_backtrace(void)
{
#ifdef ASAN
	__sanitizer_print_stack_trace();
#else
	void *pc[32];

	backtrace_symbols_fd(pc, backtrace(pc, nitems(pc)), STDERR_FILENO);
#endif
}

void
md_page_zero(void *page)
{
	KASSERT(((uintptr_t)page & PAGE_MASK) == 0);
	memset(page, 0, PAGE_SIZE);
}

void
md_page_copy(void *dst, const void *src)
{
	KASSERT((((uintptr_t)dst | (uintptr_t)src) & PAGE_MASK) == 0);
	memcpy(dst, src, PAGE_SIZE);
}

/* From the seed, so that a run can be repeated. */
void
md_entropy(void *buf, size_t len)
{
	u_char *p = buf;

	while (len-- > 0)
		*p++ = (u_char)(host_random() >> 32);
}
