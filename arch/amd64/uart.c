/*
 * uart.c: the first 16550 serial port.
 */
#include "amd64.h"

#include <port/machdep.h>

#define COM1 0x3f8
#define RBR  (COM1 + 0) /* receive, transmit; divisor low */
#define IER  (COM1 + 1) /* interrupt enable; divisor high */
#define LCR  (COM1 + 3)
#define MCR  (COM1 + 4)
#define LSR  (COM1 + 5)

#define IER_RX   0x01
#define LCR_8N1  0x03
#define LCR_DLAB 0x80
#define MCR_ON   0x0b /* DTR, RTS, and OUT2, which gates the interrupt */
#define LSR_DR   0x01
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

bool
md_uart_init(void)
{
	outb(LCR, LCR_DLAB);
	outb(RBR, 1); /* 115,200 baud */
	outb(IER, 0);
	outb(LCR, LCR_8N1);
	outb(IER, 0);
	outb(MCR, MCR_ON);
	return inb(LCR) == LCR_8N1;
}

/* Was routed with the others. */
void
md_uart_route(void)
{
}

bool
md_uart_room(void)
{
	return (inb(LSR) & LSR_THRE) != 0;
}

void
md_uart_put(uint8_t c)
{
	outb(RBR, c);
}

bool
md_uart_sent(void)
{
	return (inb(LSR) & LSR_TEMT) != 0;
}

bool
md_uart_ready(void)
{
	return (inb(LSR) & LSR_DR) != 0;
}

uint8_t
md_uart_get(void)
{
	return inb(RBR);
}

void
md_uart_listen(bool on)
{
	outb(IER, on ? IER_RX : 0);
}
