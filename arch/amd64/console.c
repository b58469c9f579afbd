/*
 * console.c: the first 16550 serial port, for the log and for programs.
 *
 * The FIFOs stay as the firmware left them: changing that empties them, and
 * there is no moment at which no byte can be lost.
 *
 * Output polls.  uart_busy keeps the bytes of two CPUs apart; it is taken
 * with interrupts off, for a few bytes, and ignored by a CPU that waited for
 * it too long: a panic is printed even when its holder was stopped.
 *
 * Input interrupts on the boot CPU.  Bytes that md_console_input does not
 * take stay in held[] and then in the device, with its interrupt off, until
 * md_console_resume().  input_lock makes deliveries one at a time.
 */
#include "amd64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

#define COM1 0x3f8
#define RBR  (COM1 + 0) /* receive, transmit; divisor low */
#define IER  (COM1 + 1) /* interrupt enable; divisor high */
#define LCR  (COM1 + 3)
#define MCR  (COM1 + 4)
#define LSR  (COM1 + 5)

#define IER_RX   0x01
#define FCR_ON   0x07 /* enable and clear both; trigger at one byte */
#define LCR_8N1  0x03
#define LCR_DLAB 0x80
#define MCR_ON   0x0b /* DTR, RTS, and OUT2, which gates the interrupt */
#define LSR_DR   0x01
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

/* How many bytes go out in one piece. */
#define BURST 16u

size_t (*_Atomic md_console_input)(const char *s, size_t len);

/* Constant after md_console_init(). */
static bool uart_there;

static _Atomic(bool) uart_busy;

/*
 * Protection:
 *	n	input_lock, interrupts off
 *	a	C11 atomic
 */
static _Atomic(bool) input_lock;
static _Atomic(bool) input_wanted; /* [a] since md_console_listen() */
static char held[32];              /* [n] received, not taken */
static u_int nheld;                /* [n] */

void
md_console_init(void)
{
	outb(LCR, LCR_DLAB);
	outb(RBR, 1); /* 115,200 baud */
	outb(IER, 0);
	outb(LCR, LCR_8N1);
	outb(IER, 0);
	outb(MCR, MCR_ON);
	uart_there = inb(LCR) == LCR_8N1;
}

/* False: whoever has it had it for so long that it may never let go. */
static bool
uart_enter(void)
{
	u_int spins;

	for (spins = 0; spins < 10000000; spins++) {
		if (!atomic_exchange_explicit(&uart_busy, true,
			memory_order_acquire))
			return true;
		md_cpu_relax();
	}
	return false;
}

void
md_console_write(const char *s, size_t len)
{
	size_t n;
	bool on, mine;

	if (!uart_there)
		return;
	while (len > 0) {
		on = md_intr_disable();
		mine = uart_enter();
		for (n = 0; n < MIN(len, BURST) && (inb(LSR) & LSR_THRE) != 0;
		     n++)
			outb(RBR, (uint8_t)s[n]);
		if (mine)
			atomic_store_explicit(&uart_busy, false,
			    memory_order_release);
		md_intr_restore(on);
		if (n == 0)
			md_cpu_relax();
		s += n;
		len -= n;
	}
}

void
md_log(const char *s, size_t len)
{
	md_console_write(s, len);
}

void
md_console_flush(void)
{
	if (!uart_there)
		return;
	while ((inb(LSR) & LSR_TEMT) == 0)
		md_cpu_relax();
}

/*
 * Hand over what there is.  Returns with the device's interrupt on unless
 * bytes were refused.  The loop ends with no byte in the device, so that the
 * next one makes an edge.
 */
static void
deliver(void)
{
	size_t (*input)(const char *, size_t);
	size_t n;

	for (;;) {
		while (nheld < sizeof(held) && (inb(LSR) & LSR_DR) != 0)
			held[nheld++] = (char)inb(RBR);
		if (nheld == 0) {
			outb(IER, IER_RX);
			if ((inb(LSR) & LSR_DR) == 0)
				return;
			continue;
		}
		input = atomic_load_explicit(&md_console_input,
		    memory_order_acquire);
		n = input != NULL ? input(held, nheld) : 0;
		KASSERT(n <= nheld);
		nheld -= (u_int)n;
		memmove(held, held + n, nheld);
		if (n == 0) {
			outb(IER, 0);
			return;
		}
	}
}

/*
 * input_lock is not a struct spin: the rank of what md_console_input takes
 * is not known here, and a holder's CPU has interrupts off throughout.
 */
void
md_console_intr(void)
{
	KASSERT(!md_intr_enabled());
	while (
	    atomic_exchange_explicit(&input_lock, true, memory_order_acquire))
		md_cpu_relax();
	deliver();
	atomic_store_explicit(&input_lock, false, memory_order_release);
}

void
md_console_resume(void)
{
	bool on;

	if (!uart_there ||
	    !atomic_load_explicit(&input_wanted, memory_order_acquire))
		return;
	on = md_intr_disable();
	md_console_intr();
	md_intr_restore(on);
}

void
md_console_listen(void)
{
	atomic_store_explicit(&input_wanted, true, memory_order_release);
	md_console_resume();
}
