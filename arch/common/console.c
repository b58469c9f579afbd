/*
 * console.c: a serial port, for the log and for programs.
 *
 * Rate and FIFOs stay as the firmware left them: switching the FIFOs empties
 * them, and there is no moment at which no byte can be lost.
 *
 * Output polls.  uart_busy keeps the bytes of two CPUs apart; it is taken
 * with interrupts off, for a few bytes, and ignored by a CPU that waited for
 * it too long: a panic is printed even when its holder was stopped.
 *
 * Input interrupts on the boot CPU.  Bytes that md_console_input does not
 * take stay in held[] and then in the device, with its interrupt off, until
 * md_console_resume().  input_lock makes deliveries one at a time.
 */
#include "common.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

/* How many bytes go out in one piece. */
#define BURST 16u

size_t (*_Atomic md_console_input)(const char *s, size_t len);

static bool uart_there; /* constant after md_console_init() */

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
	uart_there = md_uart_init();
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
		for (n = 0; n < MIN(len, BURST) && md_uart_room(); n++)
			md_uart_put((uint8_t)s[n]);
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
	while (!md_uart_sent())
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
		while (nheld < sizeof(held) && md_uart_ready())
			held[nheld++] = (char)md_uart_get();
		if (nheld == 0) {
			md_uart_listen(true);
			if (!md_uart_ready())
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
			md_uart_listen(false);
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
	    !atomic_load_explicit(&input_wanted, memory_order_relaxed))
		return;
	on = md_intr_disable();
	md_console_intr();
	md_intr_restore(on);
}

void
md_console_listen(void)
{
	atomic_store_explicit(&input_wanted, true, memory_order_relaxed);
	if (uart_there)
		md_uart_route();
	md_console_resume();
}
