/* md_asid_count: the same answer each time */
#include <port/tier1.h>

unsigned
md_asid_count(void)
{
	static unsigned n;

	return ++n;
}
