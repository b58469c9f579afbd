/*
 * config.h: every choice there is when the component is built.
 *
 * Set them with -D, or name a file of your own that sets them:
 * -DVMS_CONFIG='"my_vmspace.h"'.  The same values must be in force for every
 * file of the component, and for whoever includes <vmspace/vmspace.h>.
 */
#ifndef VMSPACE_CONFIG_H
#define VMSPACE_CONFIG_H

#ifdef VMS_CONFIG
#include VMS_CONFIG
#endif

/*
 * VMS_TIER: how far the port goes: 1 to 5; see <port/tier1.h> and its
 *	successors.  A port of tier n defines the functions of all tiers up
 *	to n, and a missing one is an undefined symbol when you link.
 */
#ifndef VMS_TIER
#define VMS_TIER 1
#endif

/*
 * VMS_DEBUG: 1: check whole structures after each change, poison freed
 *	memory.  Slow.  Assertions of constant cost stay in with 0.
 */
#ifndef VMS_DEBUG
#define VMS_DEBUG 0
#endif

/*
 * VMS_MAXCPU: most CPUs, 1 to 64.
 */
#ifndef VMS_MAXCPU
#if VMS_TIER >= 2
#define VMS_MAXCPU 64
#else
#define VMS_MAXCPU 1
#endif
#endif

/*
 * VMS_PAGE_OPS: 1: the host defines, for its fastest way,
 *		void md_page_zero(void *page);
 *		void md_page_copy(void *to, const void *from);
 *	pages of 4096 bytes, aligned, not overlapping; spin locks held.
 *	0: memset() and memcpy() do it.
 */
#ifndef VMS_PAGE_OPS
#define VMS_PAGE_OPS 0
#endif

#if VMS_TIER < 1 || VMS_TIER > 5
#error "VMS_TIER is 1 to 5"
#endif
#if VMS_MAXCPU < 1 || VMS_MAXCPU > 64
#error "VMS_MAXCPU is 1 to 64"
#endif
#if VMS_TIER < 2 && VMS_MAXCPU != 1
#error "more than one CPU takes VMS_TIER 2"
#endif

#endif
