/*
 * console.c: a PL011 serial port (Arm DDI 0183), for the log and for programs.
 *
 * Rate and FIFOs stay as the firmware left them: switching the FIFOs on
 * empties them, and there is no moment at which no byte can be lost.
 *
 * Output polls.  uart_busy keeps the bytes of two CPUs apart; it is taken
 * with interrupts off, for a few bytes, and ignored by a CPU that waited for
 * it too long: a panic is printed even when its holder was stopped.
 *
 * Input interrupts on the boot CPU.  Bytes that md_console_input does not
 * take stay in held[] and then in the device, with its interrupt off, until
 * md_console_resume().  input_lock makes deliveries one at a time.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>
#include <port/machdep.h>

#define UARTDR   0x00
#define UARTFR   0x18
#define UARTCR   0x30
#define UARTIMSC 0x38

#define FR_BUSY 0x08u
#define FR_RXFE 0x10u
#define FR_TXFF 0x20u
#define CR_ON   0x301u /* UARTEN, TXE, RXE */
#define INT_RX  0x50u  /* received; and nothing more for a while */

/* How many bytes go out in one piece. */
#define BURST 16u

size_t (*_Atomic md_console_input)(const char *s, size_t len);

/* Constant after md_console_init(). */
static void *uart; /* NULL: there is none */

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
	if (md_hw.hw_uart == 0)
		return;
	uart = md_map_device(md_hw.hw_uart, PAGE_SIZE);
	mmio_write(uart, UARTIMSC, 0);
	mmio_write(uart, UARTCR, CR_ON);
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

	if (uart == NULL)
		return;
	while (len > 0) {
		on = md_intr_disable();
		mine = uart_enter();
		for (n = 0; n < MIN(len, BURST) &&
			    (mmio_read(uart, UARTFR) & FR_TXFF) == 0;
		     n++)
			mmio_write(uart, UARTDR, (uint8_t)s[n]);
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
	if (uart == NULL)
		return;
	while ((mmio_read(uart, UARTFR) & FR_BUSY) != 0)
		md_cpu_relax();
}

/*
 * Hand over what there is.  Returns with the device's interrupt on unless
 * bytes were refused.
 */
static void
deliver(void)
{
	size_t (*input)(const char *, size_t);
	size_t n;

	for (;;) {
		while (nheld < sizeof(held) &&
		       (mmio_read(uart, UARTFR) & FR_RXFE) == 0)
			held[nheld++] = (char)mmio_read(uart, UARTDR);
		if (nheld == 0) {
			mmio_write(uart, UARTIMSC, INT_RX);
			if ((mmio_read(uart, UARTFR) & FR_RXFE) != 0)
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
			mmio_write(uart, UARTIMSC, 0);
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

	if (uart == NULL ||
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
	if (uart == NULL)
		return;
	if (md_hw.hw_uartirq != 0)
		md_gic_route(md_hw.hw_uartirq);
	md_console_resume();
}
