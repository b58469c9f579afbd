/*
 * tlb.c: the translation root and invalidation.
 *
 * Kernel translations are global.  Without PCIDs there is one ASID, 0, and a
 * load of CR3 drops every user translation.  With them (off unless the command
 * line says pcid=1: QEMU's TCG has none, so this half was never run), an ASID
 * is a PCID and a load of CR3 keeps them; SDM vol. 3, 4.10.
 */
#include "amd64.h"

#include <base/kassert.h>
#include <port/machdep.h>

#define CR3_KEEP (1ul << 63)
#define CR3_PCID 0xffful
#define NPCID    4096u

/* INVPCID types: one address, one PCID. */
#define INV_PAGE 0ul
#define INV_PCID 1ul

static bool use_pcid; /* constant after md_pcid_enable() */

void
md_pcid_enable(void)
{
	const char *v = md_cmdline("pcid");

	use_pcid = v != NULL && *v == '1' && md_feat.cf_pcid;
	md_pcid_cpu();
}

void
md_pcid_cpu(void)
{
	if (use_pcid)
		write_cr4(read_cr4() | CR4_PCIDE);
}

static void
invpcid(u_long type, u_int asid, vaddr_t va)
{
	struct {
		uint64_t pcid, va;
	} desc = {asid, va};

	__asm__ volatile("invpcid %0, %1" : : "m"(desc), "r"(type) : "memory");
}

static void
invlpg(vaddr_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

u_int
md_asid_count(void)
{
	return use_pcid ? NPCID : 1;
}

void
md_root_load(paddr_t root, u_int asid)
{
	KASSERT((root & ~PTE_FRAME) == 0);
	KASSERT(asid < md_asid_count());
	write_cr3(use_pcid ? root | asid | CR3_KEEP : root);
}

void
md_root_kernel(void)
{
	md_root_load(md_map_root(), 0);
}

void
md_tlb_flush_asid(u_int asid)
{
	uint64_t cr3 = read_cr3();
	bool on;

	KASSERT(asid < md_asid_count());
	if (!use_pcid) {
		write_cr3(cr3);
		return;
	}
	if (md_feat.cf_invpcid) {
		invpcid(INV_PCID, asid, 0);
		return;
	}
	/*
	 * A load without CR3_KEEP empties the PCID it names.  The kernel's
	 * root goes with it, so that no walk meanwhile files a translation
	 * of another space under this PCID.
	 */
	on = md_intr_disable();
	write_cr3(md_map_root() | asid);
	write_cr3(cr3 | CR3_KEEP);
	md_intr_restore(on);
}

static void
flush_page(u_int asid, vaddr_t va)
{
	KASSERT(asid < md_asid_count());
	if (!use_pcid || (read_cr3() & CR3_PCID) == asid)
		invlpg(va);
	else if (md_feat.cf_invpcid)
		invpcid(INV_PAGE, asid, va);
	else
		md_tlb_flush_asid(asid);
}

void
md_tlb_flush_pages(const u_int *asids, const vaddr_t *vas, u_int n)
{
	u_int i;

	for (i = 0; i < n; i++)
		flush_page(asids[i], vas[i]);
}

void
md_tlb_flush_kernel(void)
{
	uint64_t cr4;
	bool on = md_intr_disable();

	cr4 = read_cr4();
	write_cr4(cr4 & ~(uint64_t)CR4_PGE);
	write_cr4(cr4);
	md_intr_restore(on);
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
	panic("this machine has no broadcast of invalidations");
}

void
md_tlb_flush_asid_all(u_int asid __unused)
{
	panic("this machine has no broadcast of invalidations");
}

/* Instruction caches see stores: SDM vol. 3, 11.6. */
void
md_icache_sync(void *va __unused, size_t len __unused)
{
}
