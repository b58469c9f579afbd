/*
 * copy.c: moving bytes between the kernel and the caller's space.
 *
 * The port does it; what is asserted here is what would otherwise go wrong
 * rarely: a fault may sleep, and for a pager even take the big lock.
 */
#include <kern/proc.h>
#include <port/machdep.h>

int
copyin(vaddr_t from, void *to, size_t len)
{
	KASSERT(!big_held());
	return len == 0 ? 0 : md_copyin(from, to, len);
}

int
copyout(const void *from, vaddr_t to, size_t len)
{
	KASSERT(!big_held());
	return len == 0 ? 0 : md_copyout(from, to, len);
}

int
copyinstr(vaddr_t from, char *to, size_t max, size_t *lenp)
{
	size_t len;

	KASSERT(max > 0);
	KASSERT(!big_held());
	return md_copyinstr(from, to, max, lenp != NULL ? lenp : &len);
}
