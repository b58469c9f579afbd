/*
 * orders.c: the memory orders of the code under test, noted and weakened.
 *
 * Every atomic access comes with its order, a constant of the source, and the
 * address that it returns to.  To find out what an order is there for, that
 * of one place is taken to be weaker, and scenarios are explored: one of them
 * should fail.  tools/orders does so for each in turn.
 */
#include <stdio.h>
#include <stdlib.h>

#include "detp.h"

#define NPLACE 4096u /* a power of two; places that are executed */

static struct place {
	uintptr_t pl_pc; /* 0: none */
	int pl_order;
	int pl_weak; /* -1: as it is */
} * places;
static unsigned nplace;
bool orders_on;

static struct place *
place(uintptr_t pc)
{
	unsigned i = (unsigned)(pc * 0x9e3779b97f4a7c15ull >> 32);

	for (;; i++) {
		i &= NPLACE - 1;
		if (places[i].pl_pc == pc)
			return &places[i];
		if (places[i].pl_pc == 0)
			break;
	}
	if (++nplace == NPLACE)
		abort();
	places[i].pl_pc = pc;
	places[i].pl_order = places[i].pl_weak = -1;
	return &places[i];
}

void
det_orders(void)
{
	if (places == NULL)
		places = calloc(NPLACE, sizeof *places);
	if (places == NULL)
		abort();
	orders_on = true;
}

void
det_weaken(uintptr_t pc, int order)
{
	det_orders();
	place(pc)->pl_weak = order;
}

int
orders_at(int order, uintptr_t pc)
{
	struct place *pl = place(pc);

	pl->pl_order = order;
	return pl->pl_weak >= 0 ? pl->pl_weak : order;
}

void
det_orders_print(void)
{
	unsigned i;

	for (i = 0; i < NPLACE; i++)
		if (places[i].pl_pc != 0 && places[i].pl_order > 0)
			printf("order %#lx %d\n",
			    (unsigned long)places[i].pl_pc, places[i].pl_order);
}
