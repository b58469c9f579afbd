/*
 * port_tlb.c (host): what a processor remembers of its walks.
 *
 * Each virtual CPU keeps what it translated until it is told to forget, as
 * the Intel SDM, volume 3, section 4.10.2 lets it: the entry is tagged with
 * the ASID and lets pass the kinds of access that a walk has allowed.  There
 * is no reason but a flush for an entry to go, or room for another; so a
 * flush that the kernel forgot is seen as an access that should have failed,
 * or as another page's bytes.
 */
#include <base/cpu.h>
#include <base/kassert.h>

#include "host.h"

#define TLB_NENTRY 64

struct tlb_entry {
	bool te_valid;
	u_int te_asid;
	u_int te_access; /* HOST_* that walks have allowed */
	vaddr_t te_va;
	paddr_t te_pa;
};

static struct tlb_entry tlb[HOST_MAXCPU][TLB_NENTRY];

static struct tlb_entry *
tlb_self(void)
{
	u_int id = curcpu()->cpu_id;

	KASSERT(id < HOST_MAXCPU);
	return tlb[id];
}

bool
host_tlb_lookup(vaddr_t va, u_int access, paddr_t *pap)
{
	struct tlb_entry *te;

	for (te = tlb_self(); te < tlb_self() + TLB_NENTRY; te++) {
		if (!te->te_valid || te->te_asid != host_self->hc_asid ||
		    te->te_va != trunc_page(va))
			continue;
		if ((access & ~te->te_access) == 0) {
			*pap = te->te_pa | (va & PAGE_MASK);
			return true;
		}
	}
	return false;
}

void
host_tlb_insert(vaddr_t va, u_int access, paddr_t pa)
{
	struct tlb_entry *te, *victim = NULL;

	for (te = tlb_self(); te < tlb_self() + TLB_NENTRY; te++)
		if (!te->te_valid)
			victim = te;
	if (victim == NULL)
		victim = tlb_self() + host_random() % TLB_NENTRY;
	victim->te_valid = true;
	victim->te_asid = host_self->hc_asid;
	victim->te_access = access;
	victim->te_va = trunc_page(va);
	victim->te_pa = trunc_page(pa);
}

void
host_tlb_flush(bool one_asid, u_int asid, bool one_page, vaddr_t va)
{
	struct tlb_entry *te;

	for (te = tlb_self(); te < tlb_self() + TLB_NENTRY; te++)
		if ((!one_asid || te->te_asid == asid) &&
		    (!one_page || te->te_va == trunc_page(va)))
			te->te_valid = false;
}
