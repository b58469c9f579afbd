/*
 * build.h: included before everything else in each file of the component
 * (-include vmspace/build.h; "make dist" writes it into the files): what
 * config.h means to the layers below, and their global names out of the way
 * of a kernel that has a panic() and a wakeup() of its own.
 *
 * Not for the host's files.
 */
#ifndef VMSPACE_BUILD_H
#define VMSPACE_BUILD_H

#include <vmspace/config.h>
#ifndef VMSPACE_NO_NAMES /* tools/gennames */
#include <vmspace/names.h>
#endif

#define DEBUG     VMS_DEBUG
#define MAXCPU    VMS_MAXCPU
#define LIBC_WEAK 1 /* the kernel's memcpy() wins */

/*
 * Machine functions that the component has itself.
 */
#define md_timer_set vms__md_timer_set
#define md_ipi       vms__md_ipi
#if !VMS_PAGE_OPS
#define md_page_zero vms__md_page_zero
#define md_page_copy vms__md_page_copy
#endif
#if VMS_TIER < 5
#define md_cycles vms__md_cycles
#endif
#if VMS_TIER < 4
#define md_time_ns vms__md_time_ns
#endif
#if VMS_TIER < 2
#define md_tlb_broadcast       vms__md_tlb_broadcast
#define md_tlb_flush_pages_all vms__md_tlb_flush_pages_all
#define md_tlb_flush_asid_all  vms__md_tlb_flush_asid_all
#endif

#endif
