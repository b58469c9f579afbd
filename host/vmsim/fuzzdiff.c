/*
 * fuzzdiff.c (vmsim): comparing two logs, and where they may differ.
 *
 * What is listed is a decision, not a bug: each entry says why.  Behind such
 * a difference two machines are in different states, so the rest of that
 * program is not compared.  A long run complains about an entry that it did
 * not need (fuzz.c).
 */
#include <string.h>

#include "fuzz.h"

#define E_NOMEM 12
#define E_FAULT 14

/*
 * Which neighbours are one mapping is each kernel's own business: Linux does
 * not merge what has been written on both sides, we do not merge heap with
 * what is mapped beside it.  Several mappings are moved by Linux since 6.17,
 * but not with DONTUNMAP here, nor System V memory there.
 */
static bool
mremap_pieces(const struct fz_op *o, long ours, long theirs)
{
	long other = ours == -E_FAULT ? theirs : ours;

	return o->fo_code == FZ_MREMAP &&
	       (ours == -E_FAULT) != (theirs == -E_FAULT) &&
	       (other >= 0 || other == -E_NOMEM);
}

/* Linux since 6.1 keeps the break when nothing is mapped to be given up. */
static bool
brk_unmapped(const struct fz_op *o, long ours, long theirs)
{
	return o->fo_code == FZ_BRK && ours >= 0 && ours < theirs;
}

struct fz_difference fz_differences[] = {
    {"brk-unmapped", "brk() down over what munmap() took away", brk_unmapped,
	0},
    {"mremap-pieces", "mremap() of what only one kernel takes for one piece",
	mremap_pieces, 0},
    {NULL, NULL, NULL, 0},
};
const unsigned fz_ndifferences =
    sizeof fz_differences / sizeof fz_differences[0] - 1;

static bool
listed(const struct fz_op *o, long ours, long theirs)
{
	unsigned i;

	for (i = 0; i < fz_ndifferences; i++)
		if (fz_differences[i].fd_is(o, ours, theirs)) {
			fz_differences[i].fd_count++;
			return true;
		}
	return false;
}

static bool
end_differs(const struct fz_end *a, const struct fz_end *b)
{
	return a->fe_done != b->fe_done || a->fe_brk != b->fe_brk ||
	       a->fe_locked != b->fe_locked ||
	       memcmp(a->fe_map, b->fe_map, sizeof a->fe_map) != 0;
}

bool
fz_differs(const struct fz_prog *p, const struct fz_log *ours,
    const struct fz_log *theirs, int *op)
{
	unsigned i;

	for (i = 0; i < p->fp_nops; i++) {
		if (ours->fl_done[i] == theirs->fl_done[i] &&
		    ours->fl_result[i] == theirs->fl_result[i])
			continue;
		*op = (int)i;
		return ours->fl_done[i] != theirs->fl_done[i] ||
		       !listed(&p->fp_op[i], ours->fl_result[i],
			   theirs->fl_result[i]);
	}
	for (i = 0; i < p->fp_nprocs; i++)
		if (end_differs(&ours->fl_end[i], &theirs->fl_end[i])) {
			*op = -1 - (int)i;
			return true;
		}
	return false;
}
