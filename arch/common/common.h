/*
 * common.h: what the ports have in common, and what each gives for that.
 *
 * amd64.h and arm64.h include this.  The files here hold no instruction and no
 * register: they are the parts of a port that would be written again.
 */
#ifndef COMMON_H
#define COMMON_H

#include <stdatomic.h>
#include <sys/types.h>
#include <base/cpu.h>
#include <base/thread.h>

/* Where images are linked; ksyms.awk counts from there. */
#define MD_KERNBASE 0xffffffff80000000ul

#define MD_MSEC 1000000ull

/*
 * Instructions that touch user memory, and where to go on if they cannot; the
 * linker collects them from .ex_table.
 */
struct ex_entry {
	uint64_t ex_start, ex_end, ex_fixup;
};

/*
 * The symbols of the image, sorted by address: made when it is linked, by
 * ksyms.awk; until then the table is empty.
 */
struct ksym {
	uint32_t ks_addr; /* less MD_KERNBASE */
	uint32_t ks_name; /* offset in md_ksymstr */
};
extern const struct ksym md_ksyms[];
extern const uint32_t md_nksyms;
extern const char md_ksymstr[];

/* Where the handler of an interrupt of the kernel returns to: vectors.S. */
extern const char md_interrupt_return[];

/*
 * misc.c
 * md_cmdline: the value of "name=..." on the command line, or NULL; ends at a
 *	space.  The port has put the line into md_bootline.
 * md_fixup: where the routine that cannot go on at pc continues; 0: it is not
 *	one of those.
 * md_map_setdirect: [start, end) is memory that the direct map shows; boot.
 * md_map_isdirect: whether all of [pa, pa + len) is.
 * md_random: the port's: a word from the CPU; false: there is none now.
 */
extern char md_bootline[2048];
const char *md_cmdline(const char *name);
uintptr_t md_fixup(uintptr_t pc);
void md_map_setdirect(paddr_t start, paddr_t end);
bool md_map_isdirect(paddr_t pa, size_t len);
bool md_random(uint64_t *v);

/*
 * console.c
 * md_console_init: find the device.
 * md_console_flush: wait until all is sent.
 * md_console_listen: take input from now on, on this CPU.
 * md_console_intr: the device's interrupt.
 */
void md_console_init(void);
void md_console_flush(void);
void md_console_listen(void);
void md_console_intr(void);

/*
 * uart.c: the port's serial device.  Calls come one at a time for each
 * direction, but for those of a panic.
 *
 * md_uart_init: find it, and let it not interrupt.  False: there is none, and
 *	nothing else is called.
 * md_uart_route: its interrupt goes to this CPU, and calls md_console_intr().
 * md_uart_room: one more byte can be sent.  md_uart_put: send it.
 * md_uart_sent: everything has left the device.
 * md_uart_ready: a byte has come.  md_uart_get: take it.
 * md_uart_listen: whether a byte that comes interrupts.
 */
bool md_uart_init(void);
void md_uart_route(void);
bool md_uart_room(void);
void md_uart_put(uint8_t c);
bool md_uart_sent(void);
bool md_uart_ready(void);
uint8_t md_uart_get(void);
void md_uart_listen(bool on);

/* Interrupts off.  Whether kern_ast() has something to do first. */
static inline bool
md_ast_need(struct thread *td)
{
	return atomic_load_explicit(&td->td_ast, memory_order_relaxed) ||
	       sched_need();
}

/*
 * aps.c: the CPUs that do not boot the machine.
 *
 * md_ap_mail: the struct cpu that the next one to come up shall be; taken by
 *	exchange with NULL, so that a late one finds nothing and stops.
 * md_ap_create: a structure of len zeroed bytes with a struct cpu at off,
 *	which is to be CPU id and has an idle thread and its stack.  NULL: no
 *	memory.
 * md_ap_wait: until n CPUs are up, the boot CPU counted; false: not in ns.
 * md_ap_late: nobody came: take the mail back.  If it is gone already, that
 *	CPU is alive, and waited for.  False: it is not.
 * md_ap_ready: on the new CPU, its registers set up: attach it and run.
 */
extern struct cpu *_Atomic md_ap_mail;
void *md_ap_create(u_int id, size_t len, size_t off);
bool md_ap_wait(u_int n, uint64_t ns);
bool md_ap_late(u_int n);
__attribute__((noreturn)) void md_ap_ready(struct cpu *c);

#endif
