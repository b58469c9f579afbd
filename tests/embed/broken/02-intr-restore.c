/* md_intr_restore: true enables them */
#include <port/tier1.h>

void
md_intr_restore(bool on)
{
	(void)on;
}
