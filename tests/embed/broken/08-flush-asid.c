/* md_tlb_flush_asid: everything of one ASID */
#include <port/tier1.h>

void
md_tlb_flush_asid(unsigned asid)
{
	(void)asid;
}
