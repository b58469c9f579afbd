/*
 * t_uvm_swap.c: paging to a swap device made of memory.
 *
 * The device completes requests at once, later in a thread of its own, or with
 * an error.  Pages are paged out by uvm_pageout_force(), so that each test
 * says when.
 */
#include "t_uvm.h"

#include <base/thread.h>
#include <dev/blk.h>
#include <phys/kmem.h>
#include <uvm/swap.h>

#define BASE  ((vaddr_t)0x70000000)
#define NSLOT 256u

/* A device: its blocks, and what it has not done yet. */
static struct {
	struct blkdev rd_dev;
	struct vm_page *rd_page[NSLOT];
	struct spin rd_lock;
	struct bioq rd_queue;
	bool rd_async;
	bool rd_stop;
	struct thread *rd_thread;
} rd;

static void
rd_move(struct bio *b)
{
	char *disk;
	u_int i;

	for (i = 0; i < b->b_npages; i++) {
		disk =
		    page_direct(rd.rd_page[b->b_sector / BLK_PAGESECTORS + i]);
		if (b->b_write)
			memcpy(disk, page_direct(b->b_page[i]), PAGE_SIZE);
		else
			memcpy(page_direct(b->b_page[i]), disk, PAGE_SIZE);
	}
	blk_done(&rd.rd_dev, b, 0);
}

static void
rd_start(struct blkdev *bd, struct bio *b)
{
	CHECK(bd == &rd.rd_dev);
	if (!rd.rd_async) {
		rd_move(b);
		return;
	}
	spin_enter(&rd.rd_lock);
	TAILQ_INSERT_TAIL(&rd.rd_queue, b, b_link);
	wakeup(&rd.rd_queue);
	spin_exit(&rd.rd_lock);
}

/* The asynchronous device: does what is asked of it after a while. */
static void
rd_worker(void *arg __unused)
{
	struct bio *b;

	for (;;) {
		spin_enter(&rd.rd_lock);
		while ((b = TAILQ_FIRST(&rd.rd_queue)) == NULL && !rd.rd_stop)
			(void)sleep_spin(&rd.rd_queue, &rd.rd_lock, 0, 0, "rd");
		if (b != NULL)
			TAILQ_REMOVE(&rd.rd_queue, b, b_link);
		spin_exit(&rd.rd_lock);
		if (b == NULL)
			return;
		thread_yield();
		thread_yield();
		rd_move(b);
	}
}

static void
set32(char *p, size_t off, uint32_t v)
{
	memcpy(p + off, &v, sizeof(v));
}

/* Bring the device up, with a header on it. */
static bool
rd_init(bool async, u_int nslot)
{
	char *p;
	u_int i;

	memset(&rd, 0, sizeof(rd));
	for (i = 0; i < nslot; i++) {
		rd.rd_page[i] = page_alloc(PK_KERNEL, PA_ZERO);
		if (!CHECK(rd.rd_page[i] != NULL))
			return false;
	}
	p = page_direct(rd.rd_page[0]);
	set32(p, 1024, 1);
	set32(p, 1028, nslot - 1);
	memcpy(p + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	spin_init(&rd.rd_lock, RANK_FS);
	TAILQ_INIT(&rd.rd_queue);
	strlcpy(rd.rd_dev.bd_name, "rd0", sizeof(rd.rd_dev.bd_name));
	rd.rd_dev.bd_npages = nslot;
	rd.rd_dev.bd_start = rd_start;
	rd.rd_async = async;
	if (async)
		rd.rd_thread = ktest_spawn(rd_worker, NULL);
	blk_attach(&rd.rd_dev);
	return true;
}

static void
rd_fini(void)
{
	u_int i;

	if (rd.rd_async) {
		spin_enter(&rd.rd_lock);
		rd.rd_stop = true;
		wakeup(&rd.rd_queue);
		spin_exit(&rd.rd_lock);
		ktest_join(rd.rd_thread);
	}
	blk_detach(&rd.rd_dev);
	for (i = 0; i < nitems(rd.rd_page) && rd.rd_page[i] != NULL; i++)
		page_free(rd.rd_page[i]);
}

/* Page out all that the tests map. */
static u_long
out(struct vmspace *vm)
{
	return uvm_pageout_range(&vm->vm_map, BASE, BASE + ptoa(256));
}

static u_long
used(void)
{
	return atomic_load(&uvm_swap_used);
}

/* n pages at va, the i-th with byte first + i. */
static void
write_pages(struct vmspace *vm, vaddr_t va, u_int n, u_int first)
{
	u_int i;

	for (i = 0; i < n; i++)
		CHECK(poke(vm, va + ptoa(i), (u_char)(first + i)) == 0);
}

static bool
has_pages(struct vmspace *vm, vaddr_t va, u_int n, u_int first)
{
	u_int i;

	for (i = 0; i < n; i++)
		if (peek(vm, va + ptoa(i)) != (u_char)(first + i))
			return false;
	return true;
}

TEST(uvm_swap_header)
{
	char *p;

	if (!rd_init(false, 32))
		return;
	p = page_direct(rd.rd_page[0]);
	p[PAGE_SIZE - 1] = 'x';
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == EINVAL);
	p[PAGE_SIZE - 1] = '2';
	set32(p, 1028, 32); /* past the end */
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == EINVAL);
	set32(p, 1028, 31);
	set32(p, 1032, 2);           /* two bad pages */
	set32(p, 1024 + 512, 7);     /* this one */
	set32(p, 1024 + 512 + 4, 7); /* twice */
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == EINVAL);
	set32(p, 1024 + 512 + 4, 9);
	blk_fail(&rd.rd_dev, 1);
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == EIO);
	blk_fail(&rd.rd_dev, 0);
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == 0);
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == EBUSY);
	CHECK(atomic_load(&uvm_swap_total) == 29);
	CHECK(uvm_swapoff(&rd.rd_dev) == 0);
	CHECK(uvm_swapoff(&rd.rd_dev) == EINVAL);
	CHECK(atomic_load(&uvm_swap_total) == 0);
	rd_fini();
}

/* Out, in by faults, written, out again, in by swapoff, and teardown. */
static void
there_and_back(bool async)
{
	struct uvm_object *uo = NULL;
	struct vmspace *vm = space();
	u_long before;

	if (vm == NULL || !rd_init(async, NSLOT))
		return;
	CHECK(uvm_swapon(&rd.rd_dev, 5, "/dev/rd0") == 0);
	CHECK(map_anon(vm, BASE, ptoa(64), RW) == 0);
	CHECK(uao_create(ptoa(64), &uo) == 0);
	CHECK(map_object(vm, BASE + ptoa(64), ptoa(64), RW, uo, 0, false) == 0);
	write_pages(vm, BASE, 128, 1);
	before = phys_free_count();
	CHECK(out(vm) >= 128);
	CHECK(used() >= 128);
	CHECK(phys_free_count() >= before + 128);
	CHECK(pmap_resident(vm_pmap(vm)) == 0);
	verify(vm);
	/* Read the one half of each, write a quarter. */
	CHECK(has_pages(vm, BASE, 32, 1));
	CHECK(has_pages(vm, BASE + ptoa(64), 32, 65));
	write_pages(vm, BASE, 16, 201);
	write_pages(vm, BASE + ptoa(64), 16, 101);
	verify(vm);
	CHECK(out(vm) > 0);
	CHECK(has_pages(vm, BASE, 16, 201));
	CHECK(has_pages(vm, BASE + ptoa(16), 48, 17));
	CHECK(has_pages(vm, BASE + ptoa(64), 16, 101));
	CHECK(has_pages(vm, BASE + ptoa(80), 48, 81));
	CHECK(out(vm) > 0);
	CHECK(uvm_swapoff(&rd.rd_dev) == 0);
	CHECK(used() == 0);
	CHECK(has_pages(vm, BASE, 16, 201));
	CHECK(has_pages(vm, BASE + ptoa(16), 48, 17));
	CHECK(has_pages(vm, BASE + ptoa(64), 16, 101));
	CHECK(uvm_swapon(&rd.rd_dev, 5, "/dev/rd0") == 0);
	CHECK(out(vm) > 0);
	/* Gone without being read: slots are free again. */
	before = rd.rd_dev.bd_nread;
	end_space(vm);
	uvm_object_free(uo);
	CHECK(rd.rd_dev.bd_nread == before);
	CHECK(uvm_swapoff(&rd.rd_dev) == 0);
	CHECK(used() == 0);
	rd_fini();
}

TEST(uvm_swap_sync)
{
	there_and_back(false);
}

TEST(uvm_swap_async)
{
	there_and_back(true);
}

/* A family shares pages that are out; each sees its own. */
TEST(uvm_swap_fork)
{
	struct vmspace *vm = space(), *child = NULL;
	u_long n;

	if (vm == NULL || !rd_init(true, NSLOT))
		return;
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == 0);
	CHECK(map_anon(vm, BASE, ptoa(32), RW) == 0);
	write_pages(vm, BASE, 32, 1);
	CHECK(uvmspace_fork(vm, &child, 0) == 0);
	write_pages(child, BASE, 8, 101);
	/* Copies ahead: at most as many as were written. */
	n = out(vm) + out(child);
	CHECK(n >= 40 && n <= 48);
	write_pages(child, BASE + ptoa(8), 8, 109);
	write_pages(vm, BASE + ptoa(16), 8, 201);
	CHECK(has_pages(child, BASE, 16, 101));
	CHECK(has_pages(child, BASE + ptoa(16), 16, 17));
	CHECK(has_pages(vm, BASE, 16, 1));
	CHECK(has_pages(vm, BASE + ptoa(16), 8, 201));
	CHECK(out(vm) + out(child) > 0);
	verify(vm);
	verify(child);
	end_space(vm);
	CHECK(has_pages(child, BASE, 16, 101));
	CHECK(has_pages(child, BASE + ptoa(16), 16, 17));
	CHECK(out(child) > 0);
	end_space(child);
	CHECK(used() == 0);
	CHECK(uvm_swapoff(&rd.rd_dev) == 0);
	rd_fini();
}

/* What cannot be written stays; what cannot be read is EIO, once. */
TEST(uvm_swap_errors)
{
	struct uvm_object *uo = NULL;
	struct vmspace *vm = space();

	if (vm == NULL || !rd_init(true, NSLOT))
		return;
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == 0);
	CHECK(map_anon(vm, BASE, ptoa(16), RW) == 0);
	CHECK(uao_create(ptoa(16), &uo) == 0);
	CHECK(map_object(vm, BASE + ptoa(16), ptoa(16), RW, uo, 0, false) == 0);
	write_pages(vm, BASE, 32, 1);
	blk_fail(&rd.rd_dev, 1);
	CHECK(out(vm) == 0);
	CHECK(used() == 0);
	CHECK(has_pages(vm, BASE, 32, 1));
	blk_fail(&rd.rd_dev, 0);
	CHECK(out(vm) == 32);
	blk_fail(&rd.rd_dev, 1);
	CHECK(peek(vm, BASE + ptoa(3)) == -EIO);
	CHECK(poke(vm, BASE + ptoa(3), 9) == EIO);
	CHECK(peek(vm, BASE + ptoa(19)) == -EIO);
	CHECK(uvm_swapoff(&rd.rd_dev) == EIO);
	verify(vm);
	blk_fail(&rd.rd_dev, 2);
	CHECK(peek(vm, BASE) == 1);
	blk_fail(&rd.rd_dev, 0);
	CHECK(has_pages(vm, BASE, 32, 1));
	CHECK(out(vm) > 0);
	end_space(vm);
	uvm_object_free(uo);
	CHECK(used() == 0);
	CHECK(uvm_swapoff(&rd.rd_dev) == 0);
	rd_fini();
}

/* mlock()ed pages stay, and go once they are not. */
TEST(uvm_swap_wired)
{
	struct vmspace *vm = space();
	vaddr_t end = BASE + ptoa(8);

	if (vm == NULL || !rd_init(false, NSLOT))
		return;
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == 0);
	CHECK(map_anon(vm, BASE, ptoa(16), RW) == 0);
	write_pages(vm, BASE, 16, 1);
	CHECK(out(vm) == 16);
	CHECK(uvm_wire(&vm->vm_map, BASE, end, true) == 0);
	CHECK(pmap_resident(vm_pmap(vm)) >= 8);
	CHECK(out(vm) == 0);
	CHECK(pmap_resident(vm_pmap(vm)) == 8);
	CHECK(uvm_wire(&vm->vm_map, BASE, end, false) == 0);
	CHECK(out(vm) == 8);
	CHECK(has_pages(vm, BASE, 16, 1));
	end_space(vm);
	CHECK(used() == 0);
	CHECK(uvm_swapoff(&rd.rd_dev) == 0);
	rd_fini();
}

/* Truncation and discarding free slots; the tail of a page on swap is zero. */
TEST(uvm_swap_truncate)
{
	struct uvm_object *uo = NULL;
	struct vmspace *vm = space();
	u_int i;

	if (vm == NULL || !rd_init(true, NSLOT))
		return;
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == 0);
	CHECK(uao_create(ptoa(16), &uo) == 0);
	CHECK(map_object(vm, BASE, ptoa(16), RW, uo, 0, false) == 0);
	CHECK(map_object(vm, BASE + ptoa(32), ptoa(16), RW, uo, 0, true) == 0);
	write_pages(vm, BASE, 16, 1);
	write_pages(vm, BASE + ptoa(32), 16, 101);
	CHECK(poke(vm, BASE + ptoa(3) + 100, 7) == 0);
	CHECK(out(vm) == 32);
	CHECK(used() == 32);
	uao_resize(uo, ptoa(3) + 50);
	CHECK(used() <= 8);
	CHECK(peek(vm, BASE + ptoa(4)) == -ENXIO);
	uao_resize(uo, ptoa(16));
	CHECK(peek(vm, BASE + ptoa(3)) == 4);
	CHECK(peek(vm, BASE + ptoa(3) + 100) == 0);
	CHECK(peek(vm, BASE + ptoa(5)) == 0);
	CHECK(has_pages(vm, BASE + ptoa(32), 4, 101));
	CHECK(out(vm) > 0);
	CHECK(uvm_discard(&vm->vm_map, BASE + ptoa(32), BASE + ptoa(48)) == 0);
	for (i = 0; i < 4; i++)
		CHECK(peek(vm, BASE + ptoa(32 + i)) == (int)i + 1);
	end_space(vm);
	uvm_object_free(uo);
	CHECK(used() == 0);
	CHECK(uvm_swapoff(&rd.rd_dev) == 0);
	rd_fini();
}

/* More pages than slots: the rest stay. */
TEST(uvm_swap_full)
{
	struct vmspace *vm = space();

	if (vm == NULL || !rd_init(true, 25))
		return;
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == 0);
	CHECK(map_anon(vm, BASE, ptoa(40), RW) == 0);
	write_pages(vm, BASE, 40, 1);
	CHECK(out(vm) == 24);
	CHECK(used() == 24);
	CHECK(out(vm) == 0);
	CHECK(has_pages(vm, BASE, 40, 1));
	CHECK(out(vm) > 0);
	CHECK(has_pages(vm, BASE, 40, 1));
	end_space(vm);
	CHECK(used() == 0);
	CHECK(uvm_swapoff(&rd.rd_dev) == 0);
	rd_fini();
}

/*
 * A daemon, a device that takes its time, and spaces that come, write, read,
 * fork and go while their pages are under way.
 */
static _Atomic(bool) churn_stop;

static struct mutex churn_lock = MUTEX_INITIALIZER(RANK_PROC);
static struct vmspace *churn_vm[3]; /* [churn_lock] */

static void
churn_pager(void *arg __unused)
{
	struct vmspace *vm;
	u_int i = 0;

	while (!atomic_load(&churn_stop)) {
		i = (i + 1) % nitems(churn_vm);
		mutex_enter(&churn_lock);
		vm = churn_vm[i];
		if (vm != NULL)
			uvmspace_addref(vm);
		mutex_exit(&churn_lock);
		if (vm != NULL) {
			(void)out(vm);
			uvmspace_free(vm);
		}
		thread_yield();
	}
}

/* Let the pager at vm, or no space, as number i. */
static void
churn_show(u_int i, struct vmspace *vm)
{
	mutex_enter(&churn_lock);
	churn_vm[i] = vm;
	mutex_exit(&churn_lock);
}

/* The same through uvm_io(), which keeps each page while it touches it. */
static void
store_pages(struct vmspace *vm, vaddr_t va, u_int n, u_int first)
{
	size_t done;
	u_char byte;
	u_int i;

	for (i = 0; i < n; i++) {
		byte = (u_char)(first + i);
		CHECK(uvm_io(vm, va + ptoa(i), &byte, 1, true, 0, &done) == 0);
	}
}

static bool
holds_pages(struct vmspace *vm, vaddr_t va, u_int n, u_int first)
{
	size_t done;
	u_char byte;
	u_int i;

	for (i = 0; i < n; i++) {
		if (uvm_io(vm, va + ptoa(i), &byte, 1, false, 0, &done) != 0 ||
		    byte != (u_char)(first + i))
			return false;
	}
	return true;
}

static void
churn_space(void *arg)
{
	u_int id = (u_int)(uintptr_t)arg, first = id * 40 + 1, round;
	struct vmspace *vm, *child;

	for (round = 0; round < 8; round++) {
		vm = space();
		if (vm == NULL)
			return;
		CHECK(map_anon(vm, BASE, ptoa(24), RW) == 0);
		churn_show(id, vm);
		store_pages(vm, BASE, 24, first);
		thread_yield();
		CHECK(holds_pages(vm, BASE, 24, first));
		child = NULL;
		CHECK(uvmspace_fork(vm, &child, 0) == 0);
		store_pages(vm, BASE, 12, first + 100);
		thread_yield();
		CHECK(holds_pages(child, BASE, 24, first));
		store_pages(child, BASE + ptoa(12), 12, first + 50);
		CHECK(holds_pages(vm, BASE, 12, first + 100));
		CHECK(holds_pages(vm, BASE + ptoa(12), 12, first + 12));
		churn_show(id, child);
		end_space(vm);
		CHECK(holds_pages(child, BASE, 12, first));
		CHECK(holds_pages(child, BASE + ptoa(12), 12, first + 50));
		churn_show(id, NULL);
		end_space(child);
	}
}

TEST(uvm_swap_churn)
{
	struct thread *td[3], *pager;
	uintptr_t i;

	if (!rd_init(true, NSLOT))
		return;
	CHECK(uvm_swapon(&rd.rd_dev, -1, "/dev/rd0") == 0);
	atomic_store(&churn_stop, false);
	pager = ktest_spawn(churn_pager, NULL);
	for (i = 0; i < nitems(td); i++)
		td[i] = ktest_spawn(churn_space, (void *)i);
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
	atomic_store(&churn_stop, true);
	ktest_join(pager);
	CHECK(used() == 0);
	CHECK(uvm_swapoff(&rd.rd_dev) == 0);
	rd_fini();
}
