/* md_root_load: this CPU translates user addresses through root */
#include <port/tier1.h>

void md_root_kernel(void);

void
md_root_load(uint64_t root, unsigned asid)
{
	static uint64_t first;

	(void)asid;
	if (first == 0)
		first = root;
	__asm__ volatile("mov %0, %%cr3" : : "r"(first) : "memory");
}
