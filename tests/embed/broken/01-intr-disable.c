/* md_intr_disable: whether they were enabled before */
#include <port/tier1.h>

bool
md_intr_disable(void)
{
	return true;
}
