/*
 * vms_trace.c: tracing, entropy and statistics by the host's means (tier 5).
 */
#include <port/tier5.h>

#include "vms_local.h"

uint64_t
vms_trace_begin(void)
{
	return md_cycles();
}

int
vms_trace_end(const char *name, const struct vmspace *vm, uintptr_t arg,
    uint64_t begun, int error)
{
	md_trace(name, vm, arg, md_cycles() - begun, error);
	return error;
}

uint64_t
vms_random_pages(uint64_t n)
{
	uint64_t r;

	KASSERT(n != 0 && (n & (n - 1)) == 0);
	md_entropy(&r, sizeof(r));
	return r & (n - 1);
}

void
vms_stats(void *arg)
{
	struct uvm_stats st;
	u_int c;

	uvm_stats(&st);
	md_stat(arg, "pages_total", st.us_total);
	md_stat(arg, "pages_free", st.us_free);
	md_stat(arg, "pages_anon", st.us_anon);
	md_stat(arg, "pages_object", st.us_object);
	md_stat(arg, "pages_kernel", st.us_kernel);
	md_stat(arg, "pages_table", st.us_table);
	for (c = 0; c < COUNT_MAX; c++)
		md_stat(arg, count_names[c], count_sum((enum count)c));
}
