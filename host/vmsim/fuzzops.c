/*
 * fuzzops.c (vmsim): programs of memory operations and their interpreter.
 *
 * The interpreter runs on the simulated machine and on Linux.  What it does
 * is made of the operation alone, never of an address that a kernel chose:
 * what a kernel put elsewhere is taken away again.
 */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

/* Linux's numbers; they are the same on amd64, arm64 and riscv64. */
#define P_READ	     1u
#define P_WRITE	     2u
#define P_EXEC	     4u
#define M_SHARED     1u
#define M_PRIVATE    2u
#define M_FIXED	     0x10u
#define M_ANONYMOUS  0x20u
#define M_GROWSDOWN  0x100u
#define M_NORESERVE  0x4000u
#define M_POPULATE   0x8000u
#define M_NOREPLACE  0x100000u
#define R_MAYMOVE    1u
#define R_FIXED	     2u
#define R_DONTUNMAP  4u
#define ADV_REMOVE   9u
#define SHM_IDRM     0
#define C_VM	     0x100ul
#define C_VFORK	     0x4000ul
#define C_CHLD	     17ul
#define E_CHILD	     10
#define FILE_FD	     3
#define MASK_SET     2
#define MASK_BLOCK   0

const char *const fz_call_names[FZ_NCALL] = {"mmap", "munmap", "mprotect",
    "madvise", "mremap", "mlock", "mlock2", "munlock", "msync", "brk",
    "mincore", "rt_sigprocmask", "shmget", "shmat", "shmdt", "shmctl",
    "wait4"};

const unsigned long fz_clone_flags[3] = {C_CHLD, C_CHLD | C_VM | C_VFORK,
    C_CHLD | C_VM};

/* MADV_*; 99 is none. */
static const uint8_t advices[] = {0, 1, 2, 3, 4, 4, 4, 4, 8, 8, 9, 9, 10, 10,
    11, 16, 17, 18, 18, 19, 20, 21, 22, 22, 23, 23, 23, 24, 24, 99};

static const uint8_t weight[FZ_NCODE] = {[FZ_MMAP] = 14,
    [FZ_MUNMAP] = 4,
    [FZ_MPROTECT] = 6,
    [FZ_READ] = 11,
    [FZ_WRITE] = 12,
    [FZ_FORK] = 3,
    [FZ_ENDCHILD] = 3,
    [FZ_MADVISE] = 5,
    [FZ_MREMAP] = 4,
    [FZ_MLOCK] = 2,
    [FZ_MSYNC] = 1,
    [FZ_BRK] = 2,
    [FZ_MINCORE] = 1,
    [FZ_KCOPY] = 2,
    [FZ_SHMGET] = 1,
    [FZ_SHMAT] = 2,
    [FZ_SHMDT] = 1,
    [FZ_SHMRM] = 1,
    [FZ_TRUNCATE] = 1,
    [FZ_WAIT] = 1};

static enum fz_code
code_of(uint8_t b)
{
	unsigned total = 0, at, i;

	for (i = 0; i < FZ_NCODE; i++)
		total += weight[i];
	at = b * total >> 8;
	for (i = 0; at >= weight[i]; i++)
		at -= weight[i];
	return (enum fz_code)i;
}

/*
 * Decoding.  d: code, page, length, protection and kind, flags, oddity, more.
 */
static void
decode_op(struct fz_op *o, const uint8_t *d)
{
	memset(o, 0, sizeof *o);
	memcpy(o->fo_raw, d, FZ_OPLEN);
	o->fo_code = (uint8_t)code_of(d[0]);
	o->fo_page = d[1] % FZ_NPAGES;
	o->fo_heap = d[1] >= 240;
	o->fo_len = (uint8_t)(1 + d[2] % 6);
	if (o->fo_page + o->fo_len > FZ_NPAGES)
		o->fo_len = (uint8_t)(FZ_NPAGES - o->fo_page);
	/* Execution without reading depends on the processor. */
	o->fo_prot = d[3] & 7;
	if ((o->fo_prot & P_EXEC) != 0)
		o->fo_prot |= P_READ;
	if ((d[3] & 0x38) != 0 && o->fo_code == FZ_MMAP)
		o->fo_prot = P_READ | P_WRITE;
	o->fo_kind = d[3] >> 6;
	o->fo_arg = d[4];
	if (d[5] >= 240)
		o->fo_odd = (uint8_t)(1 + d[5] % (FZ_NODD - 1));
	o->fo_sync = (d[4] & 1) != 0;
	o->fo_word = d[6];
}

/* Whether the order of concurrent processes can be seen in it. */
static bool
hazardous(const struct fz_op *o)
{
	return o->fo_code == FZ_TRUNCATE || o->fo_code == FZ_SHMGET ||
	       o->fo_code == FZ_SHMRM ||
	       (o->fo_code == FZ_MADVISE &&
		   advices[o->fo_arg % sizeof advices] == ADV_REMOVE);
}

static bool
shares(const struct fz_op *o)
{
	return o->fo_code == FZ_SHMAT ||
	       (o->fo_code == FZ_MMAP && o->fo_kind != FZ_ANON);
}

static unsigned
remap_flags(const struct fz_op *o)
{
	return o->fo_arg & ((o->fo_arg & 0x18) != 0 ? 3u : 7u);
}

static unsigned
fork_kind(const struct fz_op *o)
{
	return o->fo_arg >= 232 ? 2 : o->fo_arg >= 208 ? 1 : 0;
}

/*
 * Each process reads and writes its own words, or its parent's where nothing
 * is shared: what others write to shared memory meanwhile is not seen.
 */
static void
settle(struct fz_prog *p)
{
	uint8_t parent[FZ_NPROC] = {0};
	bool hazard = false, share = false, copies = false, writes = false;
	bool miscounts = false;
	struct fz_op *o;
	unsigned i;

	for (i = 0; i < p->fp_nops; i++) {
		o = &p->fp_op[i];
		hazard |= hazardous(o);
		share |= shares(o);
		copies |= o->fo_code == FZ_MMAP && o->fo_kind == FZ_FILEPRIV;
		writes |= o->fo_code == FZ_MMAP && o->fo_kind == FZ_FILESHARED;
		p->fp_locks |= o->fo_code == FZ_MLOCK;
		miscounts |= o->fo_code == FZ_MREMAP &&
			     (remap_flags(o) & R_DONTUNMAP) != 0;
		if (o->fo_code == FZ_FORK)
			parent[o->fo_child] = o->fo_proc;
	}
	/* Linux counts what DONTUNMAP leaves behind as locked still. */
	p->fp_locks &= !miscounts;
	/* A private copy of what others write has some of their words. */
	hazard |= copies && writes;
	for (i = 0; i < p->fp_nops; i++) {
		o = &p->fp_op[i];
		if (hazard || fork_kind(o) != 0)
			o->fo_sync = true;
		if ((o->fo_word & 1) != 0 && (hazard || !share))
			o->fo_word = parent[o->fo_proc];
		else
			o->fo_word = o->fo_proc;
	}
}

void
fz_decode(struct fz_prog *p, const uint8_t *d, size_t len)
{
	unsigned open[FZ_DEPTH], depth = 0, proc = 0, owner[FZ_DEPTH];
	struct fz_op *o;

	memset(p, 0, sizeof *p);
	p->fp_nprocs = 1;
	for (; len >= FZ_OPLEN && p->fp_nops < FZ_MAXOPS - FZ_DEPTH;
	     d += FZ_OPLEN, len -= FZ_OPLEN) {
		o = &p->fp_op[p->fp_nops];
		decode_op(o, d);
		if (o->fo_code == FZ_FORK &&
		    (depth == FZ_DEPTH || p->fp_nprocs == FZ_NPROC))
			o->fo_code = FZ_READ;
		if (o->fo_code == FZ_ENDCHILD && depth == 0)
			o->fo_code = FZ_READ;
		o->fo_proc = (uint8_t)proc;
		if (o->fo_code == FZ_FORK) {
			open[depth] = p->fp_nops;
			owner[depth++] = proc;
			proc = p->fp_nprocs++;
			o->fo_child = (uint8_t)proc;
		} else if (o->fo_code == FZ_ENDCHILD) {
			proc = owner[--depth];
			p->fp_op[open[depth]].fo_end = (uint8_t)p->fp_nops;
		}
		p->fp_nops++;
	}
	while (depth > 0) {
		o = &p->fp_op[p->fp_nops];
		o->fo_code = FZ_ENDCHILD;
		o->fo_proc = (uint8_t)proc;
		proc = owner[--depth];
		p->fp_op[open[depth]].fo_end = (uint8_t)p->fp_nops++;
	}
	settle(p);
}

/*
 * Running.
 */
struct range {
	uint64_t start, len;
};

static struct range
range_of(const struct fz_machine *m, const struct fz_state *st,
    const struct fz_op *o)
{
	struct range r;

	r.start = o->fo_heap ? st->fs_brk + o->fo_page % FZ_BRKMAX * FZ_PAGE
			     : FZ_BASE + o->fo_page * FZ_PAGE;
	r.len = o->fo_len * FZ_PAGE;
	switch ((enum fz_odd)o->fo_odd) {
	case FZ_EMPTY:
		r.len = 0;
		break;
	case FZ_SKEWED:
		r.start += 8;
		break;
	case FZ_SHORT:
		r.len -= 100;
		break;
	case FZ_WRAPPING:
		r.len = -FZ_PAGE;
		break;
	case FZ_TOP:
		/* What lies below it differs: for what looks at nothing. */
		r.start = m->fm_top;
		if (o->fo_code == FZ_MMAP || o->fo_code == FZ_MUNMAP)
			r.start -= o->fo_page % o->fo_len * FZ_PAGE;
		break;
	case FZ_BEYOND:
		r.start = m->fm_top + o->fo_page * FZ_PAGE;
		break;
	case FZ_ZERO:
		r.start = 0;
		break;
	default:
		break;
	}
	return r;
}

static long
call(const struct fz_machine *m, enum fz_call c, uint64_t a0, uint64_t a1,
    uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t arg[6] = {a0, a1, a2, a3, a4, a5};

	return m->fm_call(c, arg);
}

static long
op_mmap(const struct fz_machine *m, const struct fz_op *o, struct range r)
{
	uint64_t flags, prot = o->fo_prot, off = 0;
	bool file = o->fo_kind >= FZ_FILEPRIV;
	long v;

	flags = (o->fo_kind & 1) != 0 ? M_SHARED : M_PRIVATE;
	if (!file)
		flags |= M_ANONYMOUS;
	else
		off = (o->fo_arg >> 6) * FZ_PAGE;
	if ((o->fo_arg & 7) < 5)
		flags |= M_FIXED;
	else if ((o->fo_arg & 7) == 5)
		flags |= M_NOREPLACE;
	if ((o->fo_arg & 0x38) == 0x08)
		flags |= M_POPULATE;
	if ((o->fo_arg & 0x38) == 0x10)
		flags |= M_NORESERVE;
	/* What lies below the heap is Linux's choice. */
	if ((o->fo_arg & 0x38) == 0x18 && o->fo_kind == FZ_ANON && !o->fo_heap)
		flags |= M_GROWSDOWN;
	if (o->fo_odd == FZ_WILDFLAGS)
		flags |= 3; /* MAP_SHARED_VALIDATE */
	if (o->fo_odd == FZ_WILDPROT)
		prot |= 0x40;
	v = call(m, FZ_C_MMAP, r.start, r.len, prot, flags,
	    file ? FILE_FD : ~0ul, off);
	if (v < 0 && v > -4096)
		return v;
	if ((uint64_t)v == r.start)
		return 0;
	(void)call(m, FZ_C_MUNMAP, (uint64_t)v, r.len, 0, 0, 0, 0);
	return FZ_ELSEWHERE;
}

/* What moved where the kernel chose comes to where the operation says. */
static long
op_mremap(const struct fz_machine *m, const struct fz_op *o, struct range r)
{
	uint64_t to, newlen, flags = remap_flags(o);
	long v, moved;

	to = FZ_BASE + o->fo_raw[6] % FZ_NPAGES * FZ_PAGE;
	newlen = (o->fo_raw[7] & 1) != 0 ? r.len
					 : (1 + o->fo_raw[7] / 2 % 6) * FZ_PAGE;
	if (to + newlen > FZ_BASE + FZ_NPAGES * FZ_PAGE)
		to = FZ_BASE + FZ_NPAGES * FZ_PAGE - newlen;
	if (o->fo_odd == FZ_WRAPPING) {
		newlen = r.len;
		r.len = o->fo_len * FZ_PAGE;
	}
	if (o->fo_odd == FZ_WILDFLAGS)
		flags |= 8;
	if (o->fo_odd == FZ_WILDPROT)
		to += 8;
	v = call(m, FZ_C_MREMAP, r.start, r.len, newlen, flags, to, 0);
	if (v < 0 && v > -4096)
		return v;
	if ((uint64_t)v == r.start)
		return 0;
	if ((uint64_t)v == to)
		return 1;
	moved = call(m, FZ_C_MREMAP, (uint64_t)v, newlen, newlen,
	    R_MAYMOVE | R_FIXED, to, 0);
	if ((uint64_t)moved == to)
		return FZ_ELSEWHERE;
	(void)call(m, FZ_C_MUNMAP, (uint64_t)v, newlen, 0, 0, 0, 0);
	return FZ_ELSEWHERE - moved;
}

static long
op_mlock(const struct fz_machine *m, const struct fz_op *o, struct range r)
{
	switch (o->fo_arg % 5) {
	case 0:
	case 1:
		return call(m, FZ_C_MUNLOCK, r.start, r.len, 0, 0, 0, 0);
	case 2:
		return call(m, FZ_C_MLOCK2, r.start, r.len,
		    o->fo_odd == FZ_WILDFLAGS ? 2 : 1, 0, 0, 0);
	default:
		return call(m, FZ_C_MLOCK, r.start, r.len, 0, 0, 0, 0);
	}
}

static long
op_msync(const struct fz_machine *m, const struct fz_op *o, struct range r)
{
	static const uint8_t flags[] = {4, 4, 1, 2, 0, 5, 6, 8};

	return call(m, FZ_C_MSYNC, r.start, r.len,
	    flags[o->fo_arg % sizeof flags], 0, 0, 0);
}

/* A word of user memory into the signal mask and out of it again. */
static long
op_kcopy(const struct fz_machine *m, const struct fz_op *o, struct range r)
{
	uint64_t to = FZ_BASE + o->fo_raw[6] % FZ_NPAGES * FZ_PAGE, zero = 0;
	long v, w;

	if (o->fo_odd == FZ_BEYOND) /* not even an address, far away */
		r.start = m->fm_top;
	r.start += 8ul * o->fo_word;
	to += 8ul * o->fo_word;
	v = call(m, FZ_C_SIGPROCMASK, MASK_SET, r.start, 0, 8, 0, 0);
	w = call(m, FZ_C_SIGPROCMASK, MASK_BLOCK, 0, to, 8, 0, 0);
	(void)m->fm_access(m->fm_scratch, true, &zero);
	(void)call(m, FZ_C_SIGPROCMASK, MASK_SET, m->fm_scratch, 0, 8, 0, 0);
	return v != 0 ? v : w;
}

static long
op_shm(const struct fz_machine *m, struct fz_state *st, const struct fz_op *o,
    struct range r)
{
	long *id = &st->fs_shm[o->fo_raw[6] % FZ_NSHM], v;
	uint64_t flags;

	switch ((enum fz_code)o->fo_code) {
	case FZ_SHMGET:
		v = call(m, FZ_C_SHMGET, 0, r.len, 0600, 0, 0, 0);
		if (v < 0)
			return v;
		*id = v + 1;
		if (m->fm_log->fl_nshm < FZ_MAXOPS)
			m->fm_log->fl_shm[m->fm_log->fl_nshm++] = v;
		return 0;
	case FZ_SHMAT:
		flags = (o->fo_arg & 3) == 0 ? 010000 : 0; /* RDONLY */
		if ((o->fo_arg & 0xc) != 0)
			flags |= 040000; /* REMAP */
		if ((o->fo_arg & 0x10) != 0)
			flags |= 020000; /* RND */
		if (*id == 0)
			return 0;
		v = call(m, FZ_C_SHMAT, (uint64_t)*id - 1, r.start, flags, 0, 0,
		    0);
		if (v < 0 && v > -4096)
			return v;
		if ((uint64_t)v == (r.start & -FZ_PAGE))
			return 0;
		(void)call(m, FZ_C_SHMDT, (uint64_t)v, 0, 0, 0, 0, 0);
		return FZ_ELSEWHERE;
	case FZ_SHMDT:
		return call(m, FZ_C_SHMDT, r.start, 0, 0, 0, 0, 0);
	default:
		if (*id == 0)
			return 0;
		return call(m, FZ_C_SHMCTL, (uint64_t)*id - 1, SHM_IDRM, 0, 0,
		    0, 0);
	}
}

static long
op_brk(const struct fz_machine *m, const struct fz_state *st,
    const struct fz_op *o)
{
	uint64_t want = st->fs_brk + o->fo_arg % (FZ_BRKMAX + 1) * FZ_PAGE;
	long v;

	if (o->fo_odd == FZ_SHORT || o->fo_odd == FZ_SKEWED)
		want += 100;
	if (o->fo_odd == FZ_ZERO)
		want = 0;
	if (o->fo_odd == FZ_TOP || o->fo_odd == FZ_BEYOND)
		want = m->fm_top;
	if (o->fo_odd == FZ_WRAPPING)
		want = -FZ_PAGE;
	v = call(m, FZ_C_BRK, want, 0, 0, 0, 0, 0);
	return v - (long)st->fs_brk;
}

static void
await_kids(const struct fz_machine *m, struct fz_state *st)
{
	while (call(m, FZ_C_WAIT, ~0ul, 0, 0, 0, 0, 0) > 0)
		continue;
	st->fs_kids = 0;
}

/* The child's section; the parent goes on behind it. */
static long
op_fork(const struct fz_machine *m, struct fz_state *st, const struct fz_op *o)
{
	struct fz_state child = *st;
	long pid;

	child.fs_pc = st->fs_pc + 1;
	child.fs_end = o->fo_end;
	child.fs_proc = o->fo_child;
	child.fs_kids = 0;
	st->fs_pc = o->fo_end;
	pid = m->fm_fork(&child, fz_clone_flags[fork_kind(o)]);
	if (pid < 0)
		return pid;
	if (o->fo_sync || m->fm_sync)
		(void)call(m, FZ_C_WAIT, (uint64_t)pid, 0, 0, 0, 0, 0);
	else
		st->fs_kids++;
	return 0;
}

static long
op_access(const struct fz_machine *m, const struct fz_op *o, uint64_t pc,
    struct range r)
{
	/* As signal masks none of these blocks what must not be blocked. */
	uint64_t val = (pc + 1) << 40;
	long fault;

	if (o->fo_odd == FZ_SKEWED)
		r.start -= 8;
	if (o->fo_odd == FZ_BEYOND) /* not even an address, far away */
		r.start = m->fm_top;
	fault = m->fm_access(r.start + 8ul * o->fo_word,
	    o->fo_code == FZ_WRITE, &val);
	return fault != 0 ? fault : (long)(val >> 40);
}

static long
op_range(const struct fz_machine *m, const struct fz_op *o, struct range r)
{
	switch ((enum fz_code)o->fo_code) {
	case FZ_MUNMAP:
		return call(m, FZ_C_MUNMAP, r.start, r.len, 0, 0, 0, 0);
	case FZ_MPROTECT:
		return call(m, FZ_C_MPROTECT, r.start, r.len,
		    o->fo_odd == FZ_WILDPROT ? 0x40u : o->fo_prot, 0, 0, 0);
	case FZ_MADVISE:
		return call(m, FZ_C_MADVISE, r.start, r.len,
		    advices[o->fo_arg % sizeof advices], 0, 0, 0);
	case FZ_MINCORE:
		if (o->fo_odd == FZ_WRAPPING)
			return 0;
		return call(m, FZ_C_MINCORE, r.start, r.len, m->fm_scratch, 0,
		    0, 0);
	default:
		return 0;
	}
}

static long
step(const struct fz_machine *m, struct fz_state *st, const struct fz_op *o)
{
	struct range r = range_of(m, st, o);

	switch ((enum fz_code)o->fo_code) {
	case FZ_MMAP:
		return op_mmap(m, o, r);
	case FZ_READ:
	case FZ_WRITE:
		return op_access(m, o, st->fs_pc, r);
	case FZ_FORK:
		return op_fork(m, st, o);
	case FZ_MREMAP:
		return op_mremap(m, o, r);
	case FZ_MLOCK:
		return op_mlock(m, o, r);
	case FZ_MSYNC:
		return op_msync(m, o, r);
	case FZ_BRK:
		return op_brk(m, st, o);
	case FZ_KCOPY:
		return op_kcopy(m, o, r);
	case FZ_SHMGET:
	case FZ_SHMAT:
	case FZ_SHMDT:
	case FZ_SHMRM:
		return op_shm(m, st, o, r);
	case FZ_TRUNCATE:
		return m->fm_truncate(o->fo_arg % 8 * FZ_PAGE +
				      ((o->fo_arg & 0x80) != 0 ? 100 : 0));
	case FZ_WAIT:
		if (st->fs_kids != 0)
			await_kids(m, st);
		return 0;
	default:
		return op_range(m, o, r);
	}
}

void
fz_child(const struct fz_prog *p, const struct fz_machine *m,
    struct fz_state *st)
{
	struct fz_end *fe = &m->fm_log->fl_end[st->fs_proc];
	uint64_t i;
	long r;

	for (; st->fs_pc < st->fs_end; st->fs_pc++) {
		i = st->fs_pc;
		r = step(m, st, &p->fp_op[i]);
		m->fm_log->fl_result[i] = r;
		m->fm_log->fl_done[i] = true;
	}
	if (st->fs_kids != 0)
		await_kids(m, st);
	m->fm_end(fe, p->fp_locks);
	fe->fe_brk = (uint64_t)call(m, FZ_C_BRK, 0, 0, 0, 0, 0, 0) - st->fs_brk;
	fe->fe_done = true;
	m->fm_exit(st);
}

void
fz_root(const struct fz_prog *p, const struct fz_machine *m,
    struct fz_state *st)
{
	uint64_t now = (uint64_t)call(m, FZ_C_BRK, 0, 0, 0, 0, 0, 0);

	st->fs_begun = 1;
	st->fs_brk = (now + FZ_PAGE - 1) & -FZ_PAGE;
	(void)call(m, FZ_C_BRK, st->fs_brk, 0, 0, 0, 0, 0);
	st->fs_end = p->fp_nops;
	fz_child(p, m, st);
}

/*
 * Words.
 */
const char *const fz_code_names[FZ_NCODE] = {"mmap", "munmap", "mprotect",
    "read", "write", "fork", "endchild", "madvise", "mremap", "mlock", "msync",
    "brk", "mincore", "kcopy", "shmget", "shmat", "shmdt", "shmrm", "truncate",
    "wait"};
static const char *const odd_names[FZ_NODD] = {"", " empty", " skewed",
    " short", " wrapping", " top", " beyond", " zero", " wild-flags",
    " wild-prot"};

void
fz_print(const struct fz_prog *p, unsigned i, char *buf, size_t len)
{
	static const char *const kinds[] = {"anon", "shared-anon", "file",
	    "shared-file"};
	static const char *const forks[] = {"", " vfork", " share"};
	const struct fz_op *o = &p->fp_op[i];
	char more[48] = "";

	switch ((enum fz_code)o->fo_code) {
	case FZ_MMAP:
		snprintf(more, sizeof more, " prot %u %s flags %#x", o->fo_prot,
		    kinds[o->fo_kind], o->fo_arg);
		break;
	case FZ_MPROTECT:
		snprintf(more, sizeof more, " prot %u", o->fo_prot);
		break;
	case FZ_MADVISE:
		snprintf(more, sizeof more, " advice %u",
		    advices[o->fo_arg % sizeof advices]);
		break;
	case FZ_MREMAP:
		snprintf(more, sizeof more, " to %u newlen %d flags %u",
		    o->fo_raw[6] % FZ_NPAGES,
		    (o->fo_raw[7] & 1) != 0 ? o->fo_len
					    : 1 + o->fo_raw[7] / 2 % 6,
		    remap_flags(o));
		break;
	case FZ_FORK:
		snprintf(more, sizeof more, "%s%s process %u",
		    forks[fork_kind(o)], o->fo_sync ? " wait" : "",
		    o->fo_child);
		break;
	case FZ_READ:
	case FZ_WRITE:
		snprintf(more, sizeof more, " word %u", o->fo_word);
		break;
	default:
		snprintf(more, sizeof more, " arg %#x/%u", o->fo_arg,
		    o->fo_raw[6] % FZ_NPAGES);
		break;
	}
	snprintf(buf, len, "%u: %-8s %s%u+%u%s%s", o->fo_proc,
	    fz_code_names[o->fo_code], o->fo_heap ? "heap " : "", o->fo_page,
	    o->fo_len, more, odd_names[o->fo_odd]);
}

void
fz_result(long r, char *buf, size_t len)
{
	if (r == FZ_MAPERR)
		snprintf(buf, len, "SEGV_MAPERR");
	else if (r == FZ_ACCERR)
		snprintf(buf, len, "SEGV_ACCERR");
	else if (r == FZ_BUS)
		snprintf(buf, len, "BUS_ADRERR");
	else if (r == FZ_ELSEWHERE)
		snprintf(buf, len, "elsewhere");
	else if (r < 0 && r > -4096)
		snprintf(buf, len, "errno %ld", -r);
	else
		snprintf(buf, len, "%#lx", r);
}
