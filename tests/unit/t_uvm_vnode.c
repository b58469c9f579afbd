/*
 * t_uvm_vnode.c: the pager of files, with a disk made of memory.
 *
 * The disk has a place for each block of BSIZE bytes of the one file, or none,
 * and tells what was asked of it.
 */
#include "t_uvm.h"

#include <phys/kmem.h>
#include <uvm/vnode.h>

#define BASE   ((vaddr_t)0x70000000)
#define NPAGE  40u
#define BSIZE  ((u_int)PAGE_SIZE / 4)
#define NBLOCK (NPAGE * (u_int)(PAGE_SIZE / BSIZE))

static struct {
	struct uvm_vnode uv;
	char *disk; /* kmem, NPAGE pages */
	bool place[NBLOCK];
	u_int nread, nwritten, nback, nsync; /* pages; calls */
	u_int left;                          /* places that are free */
	int error;                           /* what read and write fail with */
	u_int ended;                         /* 1: inactive was called */
	bool keep; /* has a name: is written at its end */
} df;

static int
df_read(struct uvm_vnode *uv, uint64_t idx, struct vm_page **pgs, u_int n,
    uint32_t *holesp)
{
	u_int per = (u_int)PAGE_SIZE / BSIZE, i, b;
	uint64_t end = (atomic_load(&uv->uv_obj.uo_size) + BSIZE - 1) / BSIZE;
	char *p;

	CHECK(uv == &df.uv && n > 0 && n <= UVN_CLUSTER);
	CHECK(lock_none_above(RANK_MOUNT));
	*holesp = 0;
	if (df.error != 0)
		return df.error;
	for (i = 0; i < n * per; i++) {
		b = (u_int)idx * per + i;
		p = (char *)page_direct(pgs[i / per]) + i % per * BSIZE;
		CHECK((page_flags(pgs[i / per]) & PG_BUSY) != 0);
		if (df.place[b])
			memcpy(p, df.disk + b * BSIZE, BSIZE);
		else
			memset(p, 0, BSIZE);
		if (!df.place[b] && b < end)
			*holesp |= 1u << i / per;
	}
	df.nread += n;
	return 0;
}

static int
df_write(struct uvm_vnode *uv, uint64_t idx, struct vm_page **pgs, u_int n)
{
	u_int per = (u_int)PAGE_SIZE / BSIZE, i, b;

	CHECK(uv == &df.uv && n > 0 && n <= UVN_CLUSTER);
	if (df.error != 0)
		return df.error;
	for (i = 0; i < n * per; i++) {
		b = (u_int)idx * per + i;
		if (df.place[b])
			memcpy(df.disk + b * BSIZE,
			    (char *)page_direct(pgs[i / per]) + i % per * BSIZE,
			    BSIZE);
	}
	df.nwritten += n;
	return 0;
}

static int
df_back(struct uvm_vnode *uv, uint64_t idx)
{
	u_int per = (u_int)PAGE_SIZE / BSIZE, b;
	uint64_t end = (atomic_load(&uv->uv_obj.uo_size) + BSIZE - 1) / BSIZE;

	df.nback++;
	for (b = (u_int)idx * per; b < (idx + 1) * per && b < end; b++) {
		if (df.place[b])
			continue;
		if (df.left == 0)
			return ENOSPC;
		df.left--;
		df.place[b] = true;
	}
	return 0;
}

static int
df_truncate(struct uvm_vnode *uv, uint64_t size)
{
	u_int b;

	CHECK(atomic_load(&uv->uv_obj.uo_size) == size);
	for (b = (u_int)((size + BSIZE - 1) / BSIZE); b < NBLOCK; b++) {
		df.left += df.place[b];
		df.place[b] = false;
	}
	return 0;
}

static int
df_sync(struct uvm_vnode *uv)
{
	CHECK(uv == &df.uv);
	df.nsync++;
	return 0;
}

static void
df_inactive(struct uvm_vnode *uv)
{
	CHECK(lock_none_above(RANK_MOUNT));
	if (df.keep)
		(void)uvn_flush(uv, 0, UINT64_MAX);
	uvn_fini(uv);
	df.ended++;
}

static const struct uvn_ops df_ops = {
    .un_read = df_read,
    .un_write = df_write,
    .un_back = df_back,
    .un_truncate = df_truncate,
    .un_sync = df_sync,
    .un_inactive = df_inactive,
};

/* A file of size bytes with all its places, or none.  The disk's bytes tell
 * their block. */
static bool
df_make(uint64_t size, bool placed)
{
	u_int b;

	memset(&df, 0, sizeof(df));
	df.disk = kmem_alloc(NPAGE * PAGE_SIZE, 0);
	if (!CHECK(df.disk != NULL))
		return false;
	for (b = 0; b < NBLOCK; b++) {
		memset(df.disk + b * BSIZE, (int)b + 1, BSIZE);
		df.place[b] = placed && b * BSIZE < size;
	}
	df.left = NBLOCK;
	df.keep = true;
	uvn_init(&df.uv, &df_ops, size, NPAGE * PAGE_SIZE, BSIZE);
	return true;
}

static void
df_end(void)
{
	uvm_object_free(&df.uv.uv_obj);
	CHECK(df.ended == 1);
	kmem_free(df.disk, NPAGE * PAGE_SIZE);
}

static int
df_io(uint64_t off, void *buf, size_t len, bool write)
{
	size_t done;
	int error;

	error = uvm_object_io(&df.uv.uv_obj, off, buf, 0, len, write, &done);
	return error != 0 ? error : done == len ? 0 : EPIPE;
}

static u_char
df_byte(uint64_t off)
{
	u_char c = 0;

	CHECK(df_io(off, &c, 1, false) == 0);
	return c;
}

/* Reading goes ahead; what is there is not read again; errors pass. */
TEST(uvn_read)
{
	if (!df_make(20 * PAGE_SIZE + 10, true))
		return;
	CHECK(df_byte(0) == 1 && df.nread == UVN_CLUSTER);
	CHECK(df_byte(15 * PAGE_SIZE) == 61 && df.nread == UVN_CLUSTER);
	CHECK(df_byte(20 * PAGE_SIZE + 9) == 81 && df.nread == 17);
	CHECK(df_io(20 * PAGE_SIZE + 10, &(char){0}, 1, false) == EPIPE);
	df.error = EIO;
	CHECK(df_io(17 * PAGE_SIZE, &(char){0}, 1, false) == EIO);
	CHECK(df.uv.uv_obj.uo_npages == 17);
	df.error = 0;
	CHECK(df_byte(17 * PAGE_SIZE) == 69 && df.uv.uv_obj.uo_npages == 20);
	CHECK(uvm_disk_pages() >= 20 && !uvn_dirty(&df.uv));
	df_end();
	CHECK(df.nwritten == 0);
}

/* What was modified is written, once, in clusters; a failure is told once. */
TEST(uvn_write)
{
	char text[8] = "modify!";

	if (!df_make(20 * PAGE_SIZE, true))
		return;
	CHECK(df_io(3 * PAGE_SIZE - 4, text, 8, true) == 0);
	CHECK(df.nback == 0 && uvn_dirty(&df.uv));
	CHECK(uvn_flush(&df.uv, 4, UINT64_MAX) == 0 && df.nwritten == 0);
	CHECK(uvn_flush(&df.uv, 0, 2) == 0 && df.nwritten == 1);
	CHECK(uvn_flush(&df.uv, 0, UINT64_MAX) == 0 && df.nwritten == 2);
	CHECK(memcmp(df.disk + 3 * PAGE_SIZE - 4, text, 8) == 0);
	CHECK(!uvn_dirty(&df.uv));
	CHECK(df_io(0, text, 1, true) == 0);
	df.error = EIO;
	CHECK(uvn_flush(&df.uv, 0, UINT64_MAX) == EIO && uvn_dirty(&df.uv));
	df.error = 0;
	CHECK(df.uv.uv_obj.uo_ops->uo_flush(&df.uv.uv_obj, 0, 0) == 0);
	CHECK(df.disk[0] == 'm' && df.nsync == 1 && !uvn_dirty(&df.uv));
	df_end();
}

/* A hole gets places when it is written to, or there is no room. */
TEST(uvn_hole)
{
	struct vm_page *pg;
	char c = 'h';

	if (!df_make(8 * PAGE_SIZE + 1, false))
		return;
	df.left = 5;
	CHECK(df_byte(3 * PAGE_SIZE) == 0 && df.nback == 0);
	CHECK(df_io(3 * PAGE_SIZE + 5, &c, 1, true) == 0);
	CHECK(df.nback == 1 && df.left == 1 && df.place[12] && df.place[15]);
	CHECK(df_io(3 * PAGE_SIZE + 2 * BSIZE - 1, &c, 1, true) == 0 &&
	      df.nback == 1);
	CHECK(df_io(4 * PAGE_SIZE, &c, 1, true) == ENOSPC);
	df.left = 1;
	df.place[16] = false;
	/* Of the last page only one block is inside of the file. */
	CHECK(df_io(8 * PAGE_SIZE, &c, 1, true) == 0 && df.left == 0);
	rw_write_enter(&df.uv.uv_obj.uo_lock);
	pg = uvm_object_lookup(&df.uv.uv_obj, 5);
	CHECK(pg != NULL && (page_flags(pg) & PG_HOLE) != 0);
	pg = uvm_object_lookup(&df.uv.uv_obj, 3);
	CHECK(pg != NULL && (page_flags(pg) & PG_HOLE) == 0);
	rw_exit(&df.uv.uv_obj.uo_lock);
	/* The file grows, and so does what there is of the last page. */
	CHECK(
	    uvm_object_resize(&df.uv.uv_obj, 8 * PAGE_SIZE + BSIZE + 476) == 0);
	df.left = 1;
	CHECK(df_io(8 * PAGE_SIZE + BSIZE + 376, &c, 1, true) == 0 &&
	      df.left == 0);
	CHECK(df_byte(8 * PAGE_SIZE) == 'h' && df_byte(8 * PAGE_SIZE + 1) == 0);
	df_end();
}

/* Shrinking: pages, places and what lies behind the end are gone. */
TEST(uvn_shrink)
{
	if (!df_make(20 * PAGE_SIZE, true))
		return;
	CHECK(df_byte(0) == 1);
	CHECK(uvm_object_resize(&df.uv.uv_obj, NPAGE * PAGE_SIZE + 1) == EFBIG);
	/* The last page is not there yet: its tail is zeroed all the same. */
	CHECK(uvm_object_resize(&df.uv.uv_obj, 18 * PAGE_SIZE + 100) == 0);
	CHECK(df.left == NBLOCK + 4 + 3 && !df.place[73] && df.place[72]);
	CHECK(uvm_object_resize(&df.uv.uv_obj, 19 * PAGE_SIZE) == 0);
	CHECK(df_byte(18 * PAGE_SIZE + 99) == 73);
	CHECK(df_byte(18 * PAGE_SIZE + 100) == 0);
	CHECK(df_byte(18 * PAGE_SIZE + 2 * BSIZE - 1) == 0);
	CHECK(uvn_flush(&df.uv, 0, UINT64_MAX) == 0);
	CHECK(df.disk[18 * PAGE_SIZE + 99] == 73);
	CHECK(df.disk[18 * PAGE_SIZE + 100] == 0);
	CHECK(uvm_object_resize(&df.uv.uv_obj, 0) == 0);
	CHECK(df.uv.uv_obj.uo_npages == 0 && df.left == NBLOCK + 80);
	df_end();
}

/*
 * A mapping: read-only while there is no place; modified by a store; and the
 * file lives as long as the mapping, to end in the purge, with no lock held.
 * LIFECYCLE 43 holds uvm/uvm_vnode.c:uvn_detach
 */
TEST(uvn_map)
{
	struct uvm_object *uo = &df.uv.uv_obj;
	struct vmspace *vm = space();
	vm_prot_t prot = 0;
	paddr_t pa;

	if (vm == NULL || !df_make(4 * PAGE_SIZE, false))
		return;
	CHECK(map_object(vm, BASE, 4 * PAGE_SIZE, RW, uo, 0, false) == 0);
	CHECK(uvm_fault(&vm->vm_map, BASE, PROT_READ, 0) == 0);
	CHECK(df.nback == 0 && pmap_extract(vm_pmap(vm), BASE, &pa, &prot));
	CHECK((prot & PROT_WRITE) == 0);
	CHECK(poke(vm, BASE, 7) == 0 && df.nback == 1);
	CHECK(uvm_msync(&vm->vm_map, BASE, BASE + 4 * PAGE_SIZE) == 0);
	CHECK(df.nwritten == 1 && df.nsync == 1 && df.disk[0] == 7);
	/* The next store is noticed again. */
	CHECK(pmap_extract(vm_pmap(vm), BASE, &pa, &prot));
	CHECK((prot & PROT_WRITE) == 0);
	CHECK(poke(vm, BASE, 8) == 0 && df.nback == 1 && uvn_dirty(&df.uv));
	df.left = 0;
	CHECK(uvm_fault(&vm->vm_map, BASE + PAGE_SIZE, PROT_WRITE, 0) == EIO);
	CHECK(uvm_fault(&vm->vm_map, BASE + PAGE_SIZE, PROT_READ, 0) == 0);
	CHECK(uvm_object_resize(uo, PAGE_SIZE) == 0);
	CHECK(uvm_fault(&vm->vm_map, BASE + PAGE_SIZE, PROT_READ, 0) == ENXIO);
	CHECK(df_byte(0) == 8);
	uvm_object_free(uo);
	CHECK(df.ended == 0);
	df.keep = false;
	end_space(vm);
	CHECK(df.ended == 1 && df.disk[0] == 7);
	kmem_free(df.disk, NPAGE * PAGE_SIZE);
}
