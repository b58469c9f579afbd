/*
 * cxx.cc: every public header is C++17 too, and can be linked from there.
 */
#include <port/tier1.h>
#include <port/tier2.h>
#include <port/tier3.h>
#include <port/tier4.h>
#include <port/tier5.h>
#include <vmspace/check.h>
#include <vmspace/config.h>
#include <vmspace/vmspace.h>

#include <type_traits>

static_assert(std::is_standard_layout<vms_bootinfo>::value, "plain data");
static_assert(VMS_VERSION_MAJOR >= 0, "a version");

int
main()
{
	vmspace *vm = nullptr;
	return vms_create(&vm) == VMS_ENOMEM ? 0 : 1;
}
