/*
 * t_pmap.h: what tests of the tables count, for any format of them.
 */
#ifndef T_PMAP_H
#define T_PMAP_H

#include <machine/pte.h>

/* What one leaf table maps. */
#define TABLE_SPAN pte_span(1)

/* How many tables mapping one page at each of n addresses takes. */
static inline u_int
tables_for(const vaddr_t *at, u_int n)
{
	u_int level, i, j, tables = 1; /* the root */

	for (level = 1; level < PTE_LEVELS; level++) {
		for (i = 0; i < n; i++) {
			for (j = 0; j < i; j++)
				if (at[i] >> pte_shift(level) ==
				    at[j] >> pte_shift(level))
					break;
			tables += j == i;
		}
	}
	return tables;
}

#endif
