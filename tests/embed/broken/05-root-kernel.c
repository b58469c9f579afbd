/* md_root_kernel: this CPU translates no user address at all */
#include <port/tier1.h>

void
md_root_kernel(void)
{
}
