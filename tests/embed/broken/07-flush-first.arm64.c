/* md_tlb_flush_pages: n pages */
#include <port/tier1.h>

void
md_tlb_flush_pages(const unsigned *asid, const uintptr_t *va, unsigned n)
{
	(void)n;
	__asm__ volatile("dsb nshst; tlbi vae1, %0; dsb nsh; isb"
			 :
			 : "r"((uint64_t)*asid << 48 |
			     (*va >> 12 & 0xfffffffffff))
			 : "memory");
}
