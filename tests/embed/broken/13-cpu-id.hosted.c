/* md_cpu_id: the boot CPU's is 0 */
#include <port/tier2.h>

unsigned
md_cpu_id(void)
{
	return 1;
}
