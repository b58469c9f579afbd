/*
 * port_mmu.c (host): the MMU of the hosted machine.  An access asks the TLB
 * (port_tlb.c), then walks the tables.
 *
 * What entries mean is said by the formats of host/mmu, which are written
 * from the manuals and share nothing with pmap/: where the two disagree, one
 * of them is wrong.
 */
#include <stdatomic.h>
#include <string.h>

#include <sys/errno.h>
#include <port/machdep.h>
#include <base/cpu.h>
#include <base/kassert.h>
#include <mmu/mmu.h>

#include "host.h"

_Static_assert(HOST_READ == MMU_READ && HOST_WRITE == MMU_WRITE &&
		   HOST_EXEC == MMU_EXEC,
    "one set of accesses");

int (*host_fault)(vaddr_t va, u_int access);
u_int host_asids = 1;
bool host_softflags;

/* How often an access is tried again after its fault was handled. */
#define MAXTRIES 64

/* The entry over va of a table of this level (0: the leaves). */
static _Atomic(uint64_t) *
slot_of(const struct mmu_format *fm, paddr_t table, vaddr_t va, u_int level)
{
	u_int shift = fm->fm_pageshift + level * fm->fm_bits;
	u_int bits =
	    level == fm->fm_levels - 1u ? fm->fm_rootbits : fm->fm_bits;

	return (_Atomic(uint64_t) *)md_direct(table) +
	       (va >> shift & ((1ul << bits) - 1));
}

bool
host_walk(paddr_t root, vaddr_t va, u_int access, paddr_t *pap)
{
	const struct mmu_format *fm = &HOST_FORMAT;
	struct mmu_tr tr;
	enum mmu_fault fault;
	_Atomic(uint64_t) *slot;
	uint64_t entry, want, next;
	u_int level;
	bool leaf;

again:
	if (root == 0 || va >> fm->fm_vabits != 0)
		return false;
	tr = (struct mmu_tr){.tr_rights = MMU_READ | MMU_WRITE | MMU_EXEC};
	for (next = root, level = fm->fm_levels; level-- > 0;) {
		slot = slot_of(fm, next, va, level);
		entry = atomic_load(slot);
		fault = fm->fm_step(fm, entry, level, &next, &leaf, &tr);
		KASSERT(fault != MMU_MALFORMED);
		if (fault != MMU_OK || (leaf && (access & ~tr.tr_rights) != 0))
			return false;
		want =
		    fm->fm_flags(entry, leaf, access, !host_softflags, &fault);
		if (fault != MMU_OK)
			return false;
		if (want != entry &&
		    !atomic_compare_exchange_strong(slot, &entry, want))
			goto again;
		if (leaf)
			break;
	}
	*pap = tr.tr_pa | (va & ((1ul << tr.tr_shift) - 1));
	return true;
}

paddr_t
host_cpu_root(void)
{
	return host_self->hc_root;
}

void
md_root_load(paddr_t root, u_int asid)
{
	KASSERT(root != 0 && asid < md_asid_count());
	host_self->hc_root = root;
	host_self->hc_asid = asid;
	if (host_asids == 1)
		host_tlb_flush(false, 0, false, 0);
	host_counts.hn_root_load++;
}

void
md_root_kernel(void)
{
	host_self->hc_root = 0;
	host_self->hc_asid = 0;
	if (host_asids == 1)
		host_tlb_flush(false, 0, false, 0);
	host_counts.hn_root_kernel++;
}

u_int
md_asid_count(void)
{
	return host_asids;
}

static void
flush_page(u_int asid, vaddr_t va)
{
	KASSERT(asid < md_asid_count() && (va & PAGE_MASK) == 0);
	host_tlb_flush(true, asid, true, va);
	host_counts.hn_flush_page++;
}

void
md_tlb_flush_pages(const u_int *asids, const vaddr_t *vas, u_int n)
{
	u_int i;

	for (i = 0; i < n; i++)
		flush_page(asids[i], vas[i]);
}

void
md_tlb_flush_asid(u_int asid)
{
	KASSERT(asid < md_asid_count());
	host_tlb_flush(true, asid, false, 0);
	host_counts.hn_flush_asid++;
}

void
md_tlb_flush_kernel(void)
{
	host_tlb_flush(false, 0, false, 0);
	host_counts.hn_flush_kernel++;
}

bool
md_tlb_broadcast(void)
{
	return false;
}

void
md_tlb_flush_pages_all(const u_int *asids __unused, const vaddr_t *vas __unused,
    u_int n __unused)
{
	panic("no broadcast here");
}

void
md_tlb_flush_asid_all(u_int asid __unused)
{
	panic("no broadcast here");
}

void
md_icache_sync(void *va __unused, size_t len __unused)
{
}

/*
 * User copies: what the processor does for one access to bytes of one page.
 */

/* Where user address va is, for an access; NULL: EFAULT. */
static void *
user_byte(vaddr_t va, u_int access)
{
	paddr_t pa;
	u_int tries;

	for (tries = 0; tries < MAXTRIES; tries++) {
		if (host_self->hc_root != 0 && host_tlb_lookup(va, access, &pa))
			return md_direct(pa);
		if (host_walk(host_self->hc_root, va, access, &pa)) {
			host_tlb_insert(va, access, pa);
			return md_direct(pa);
		}
		if (host_fault == NULL || host_fault(va, access) != 0)
			return NULL;
	}
	panic("user access to %#lx faults for ever", (u_long)va);
}

static bool
user_range(vaddr_t va, size_t len)
{
	return len <= VM_MAXUSER_ADDRESS && va <= VM_MAXUSER_ADDRESS - len;
}

/* Bytes from va to the end of its page, at most len. */
static size_t
in_page(vaddr_t va, size_t len)
{
	return MIN(len, PAGE_SIZE - (va & PAGE_MASK));
}

int
md_copyin(vaddr_t from, void *to, size_t len)
{
	char *dst = to;
	size_t n;
	void *src;

	if (!user_range(from, len))
		return EFAULT;
	for (; len > 0; len -= n, from += n, dst += n) {
		n = in_page(from, len);
		src = user_byte(from, HOST_READ);
		if (src == NULL)
			return EFAULT;
		memcpy(dst, src, n);
	}
	return 0;
}

int
md_copyout(const void *from, vaddr_t to, size_t len)
{
	const char *src = from;
	size_t n;
	void *dst;

	if (!user_range(to, len))
		return EFAULT;
	for (; len > 0; len -= n, to += n, src += n) {
		n = in_page(to, len);
		dst = user_byte(to, HOST_WRITE);
		if (dst == NULL)
			return EFAULT;
		memcpy(dst, src, n);
	}
	return 0;
}

int
md_copyinstr(vaddr_t from, char *to, size_t max, size_t *lenp)
{
	size_t done = 0, n, got;
	const char *src;

	while (done < max) {
		if (!user_range(from + done, 1))
			return EFAULT;
		src = user_byte(from + done, HOST_READ);
		if (src == NULL)
			return EFAULT;
		n = in_page(from + done, max - done);
		got = strnlen(src, n);
		memcpy(to + done, src, MIN(got + 1, n));
		done += got;
		if (got < n) {
			*lenp = done + 1;
			return 0;
		}
	}
	return ENAMETOOLONG;
}

int
md_fetch32(vaddr_t va, uint32_t *valp)
{
	_Atomic(uint32_t) *p;

	if (!user_range(va, sizeof(*p)) || va % sizeof(*p) != 0)
		return EFAULT;
	p = user_byte(va, HOST_READ);
	if (p == NULL)
		return EFAULT;
	*valp = atomic_load(p);
	return 0;
}

int
md_cas32(vaddr_t va, uint32_t want, uint32_t new, uint32_t *oldp)
{
	_Atomic(uint32_t) *p;

	if (!user_range(va, sizeof(*p)) || va % sizeof(*p) != 0)
		return EFAULT;
	p = user_byte(va, HOST_WRITE);
	if (p == NULL)
		return EFAULT;
	atomic_compare_exchange_strong(p, &want, new);
	*oldp = want;
	return 0;
}
