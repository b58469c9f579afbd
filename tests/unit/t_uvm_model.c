/*
 * t_uvm_model.c: a family of address spaces under random operations, against
 * a model that knows what byte each page of each must hold.
 */
#include <base/thread.h>

#include "t_uvm.h"

#define BASE   ((vaddr_t)0x40000000)
#define WINDOW 48 /* pages */
#define NSPACE 4
#define NPAGE  24 /* of the object */

struct cell {
	enum { HOLE, ANON, PRIVATE, SHARED } kind;
	vm_prot_t prot;
	bool own;   /* PRIVATE: has a copy of its own */
	u_int page; /* of the object */
	u_char byte;
};

static struct vmspace *vm[NSPACE];
static struct cell cell[NSPACE][WINDOW];
static struct uvm_object *uo;
static u_char objbyte[NPAGE];
static u_int objsize; /* pages */

static u_char
want(const struct cell *c)
{
	return c->kind == SHARED || (c->kind == PRIVATE && !c->own)
		   ? objbyte[c->page]
		   : c->byte;
}

static int
want_errno(const struct cell *c, vm_prot_t access)
{
	if (c->kind == HOLE)
		return EFAULT;
	if (c->prot == PROT_NONE ||
	    (access == PROT_WRITE && (c->prot & PROT_WRITE) == 0))
		return EACCES;
	if (c->kind != ANON && c->page >= objsize)
		return ENXIO;
	return 0;
}

static void
do_read(u_int s, u_int i)
{
	struct cell *c = &cell[s][i];
	int error = want_errno(c, PROT_READ);

	CHECK(peek(vm[s], BASE + ptoa(i)) == (error ? -error : want(c)));
}

static void
do_write(u_int s, u_int i)
{
	struct cell *c = &cell[s][i];
	int error = want_errno(c, PROT_WRITE);
	u_char byte = (u_char)ktest_random();

	CHECK(poke(vm[s], BASE + ptoa(i), byte) == error);
	if (error != 0)
		return;
	if (c->kind == SHARED)
		objbyte[c->page] = byte;
	else
		c->byte = byte;
	c->own = true;
}

static void
do_map(u_int s, u_int a, u_int b)
{
	vaddr_t va = BASE + ptoa(a);
	vsize_t len = ptoa(b - a);
	vm_prot_t prot = ktest_random() % 3 == 0 ? PROT_READ : RW;
	u_int first = ktest_random() % NPAGE, kind, i;

	kind = ktest_random() % 4;
	if (first + (b - a) > NPAGE || kind == HOLE)
		kind = ANON;
	if (kind == ANON)
		CHECK(map_anon(vm[s], va, len, prot) == 0);
	else
		CHECK(map_object(vm[s], va, len, prot, uo, ptoa(first),
			  kind == PRIVATE) == 0);
	for (i = a; i < b; i++)
		cell[s][i] = (struct cell){.kind = kind,
		    .prot = prot,
		    .page = first + (i - a)};
}

static void
do_protect(u_int s, u_int a, u_int b)
{
	vm_prot_t prot = ktest_random() % 4;
	u_int i;

	(void)uvm_protect(&vm[s]->vm_map, BASE + ptoa(a), BASE + ptoa(b), prot);
	for (i = a; i < b && cell[s][i].kind != HOLE; i++)
		cell[s][i].prot = prot;
}

static void
do_discard(u_int s, u_int a, u_int b)
{
	u_int i;
	int error = 0;

	for (i = a; i < b; i++)
		if (cell[s][i].kind == HOLE)
			error = ENOMEM;
	CHECK(uvm_discard(&vm[s]->vm_map, BASE + ptoa(a), BASE + ptoa(b)) ==
	      error);
	for (i = a; i < b; i++) {
		cell[s][i].own = false;
		cell[s][i].byte = 0;
	}
}

/* Move [a, b) to where it does not overlap. */
static void
do_move(u_int s, u_int a, u_int b)
{
	u_int to = ktest_random() % WINDOW, n = b - a, i;
	vaddr_t va = BASE + ptoa(to);
	int error;

	if (to + n > WINDOW || (to < b && a < to + n))
		return;
	/* Holes are fine, but for the first page; nothing comes of them. */
	error = cell[s][a].kind == HOLE ? EFAULT : 0;
	CHECK(uvm_remap(&vm[s]->vm_map, BASE + ptoa(a), ptoa(n), ptoa(n),
		  MREMAP_MAYMOVE | MREMAP_FIXED, &va) == error);
	if (error != 0)
		return;
	for (i = 0; i < n; i++) {
		if (cell[s][a + i].kind == HOLE)
			continue;
		cell[s][to + i] = cell[s][a + i];
		cell[s][a + i].kind = HOLE;
	}
}

static void
do_resize(void)
{
	u_int size = ktest_random() % (NPAGE + 1), s, i;

	uao_resize(uo, ptoa(size));
	for (i = size; i < NPAGE; i++)
		objbyte[i] = 0;
	objsize = size;
	for (s = 0; s < NSPACE; s++)
		for (i = 0; i < WINDOW; i++)
			if (cell[s][i].kind == PRIVATE &&
			    cell[s][i].page >= size)
				cell[s][i].own = false;
}

static void
do_fork(u_int s)
{
	u_int t = ktest_random() % NSPACE;
	vaddr_t hot = 0;

	if (t == s)
		return;
	if (ktest_random() % 2 == 0)
		hot = BASE + ptoa(ktest_random() % WINDOW) + 7;
	if (vm[t] != NULL)
		end_space(vm[t]);
	vm[t] = NULL;
	if (CHECK(uvmspace_fork(vm[s], &vm[t], hot) == 0))
		memcpy(cell[t], cell[s], sizeof(cell[t]));
}

static void
step(void)
{
	u_int s = ktest_random() % NSPACE;
	u_int a = ktest_random() % WINDOW, n = 1 + ktest_random() % 12, b, i;

	if (vm[s] == NULL)
		return;
	b = MIN(a + n, WINDOW);
	switch (ktest_random() % 24) {
	case 0:
	case 1:
		do_map(s, a, b);
		break;
	case 2:
		CHECK(uvm_unmap(&vm[s]->vm_map, BASE + ptoa(a),
			  BASE + ptoa(b)) == 0);
		for (i = a; i < b; i++)
			cell[s][i].kind = HOLE;
		break;
	case 3:
	case 4:
		do_protect(s, a, b);
		break;
	case 5:
		do_discard(s, a, b);
		break;
	case 6:
		do_move(s, a, b);
		break;
	case 7:
		do_fork(s);
		break;
	case 8:
		if (ktest_random() % 4 == 0)
			do_resize();
		break;
	case 9:
		for (i = a; i < b; i++)
			do_read(s, i);
		break;
	default:
		do_write(s, a);
		break;
	}
}

TEST(uvm_model_family)
{
	u_int i, s;

	memset(vm, 0, sizeof(vm));
	memset(cell, 0, sizeof(cell));
	memset(objbyte, 0, sizeof(objbyte));
	objsize = NPAGE;
	vm[0] = space();
	if (vm[0] == NULL || !CHECK(uao_create(ptoa(NPAGE), &uo) == 0))
		return;
	for (i = 0; i < 6000; i++) {
		step();
		if (i % 8 != 0)
			continue;
		for (s = 0; s < NSPACE; s++)
			if (vm[s] != NULL)
				verify(vm[s]);
		rw_read_enter(&uo->uo_lock);
		uvm_object_verify(uo);
		rw_exit(&uo->uo_lock);
	}
	for (s = 0; s < NSPACE; s++) {
		if (vm[s] == NULL)
			continue;
		for (i = 0; i < WINDOW; i++)
			do_read(s, i);
		end_space(vm[s]);
	}
	uvm_object_free(uo);
}
