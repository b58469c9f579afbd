/*
 * uart.c: a PL011 serial port (Arm DDI 0183).
 */
#include "arm64.h"

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

static void *uart; /* constant after md_uart_init() */

bool
md_uart_init(void)
{
	if (md_hw.hw_uart == 0)
		return false;
	uart = md_map_device(md_hw.hw_uart, PAGE_SIZE);
	mmio_write(uart, UARTIMSC, 0);
	mmio_write(uart, UARTCR, CR_ON);
	return true;
}

static void
intr(void *arg __unused)
{
	md_console_intr();
}

void
md_uart_route(void)
{
	md_intr_establish(md_hw.hw_uartirq, intr, NULL);
}

bool
md_uart_room(void)
{
	return (mmio_read(uart, UARTFR) & FR_TXFF) == 0;
}

void
md_uart_put(uint8_t c)
{
	mmio_write(uart, UARTDR, c);
}

bool
md_uart_sent(void)
{
	return (mmio_read(uart, UARTFR) & FR_BUSY) == 0;
}

bool
md_uart_ready(void)
{
	return (mmio_read(uart, UARTFR) & FR_RXFE) == 0;
}

uint8_t
md_uart_get(void)
{
	return (uint8_t)mmio_read(uart, UARTDR);
}

void
md_uart_listen(bool on)
{
	mmio_write(uart, UARTIMSC, on ? INT_RX : 0);
}
