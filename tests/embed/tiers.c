/*
 * tiers.c: each tier of the component at work over the hosted port.
 *
 * Compiled once for each VMS_TIER.  Every part ends with as many free pages as
 * it began with.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vmspace/vmspace.h>

#include "hosted.h"

#define CHECK(e)                                                               \
	((e) ? (void)0                                                         \
	     : (printf("tiers.c:%d: %s\n", __LINE__, #e), fflush(stdout),      \
		   _exit(1)))

#define VA   ((uintptr_t)0x10000000)
#define PAGE VMS_PAGE_SIZE

static void
put(struct vmspace *vm, uintptr_t va, uint64_t v)
{
	CHECK(vms_write(vm, va, &v, sizeof(v)) == 0);
}

static uint64_t
get(struct vmspace *vm, uintptr_t va)
{
	uint64_t v = 0;

	CHECK(vms_read(vm, va, &v, sizeof(v)) == 0);
	return v;
}

static struct vmspace *
space(size_t npages)
{
	struct vmspace *vm;
	uintptr_t va = VA;

	CHECK(vms_create(&vm) == 0);
	CHECK(vms_map(vm, &va, npages * PAGE, VMS_READ | VMS_WRITE,
		  VMS_FIXED) == 0);
	CHECK(va == VA);
	return vm;
}

static void
end(struct vmspace *vm)
{
	CHECK(vms_exit(vm));
	vms_release(vm);
}

/* Copy-on-write both ways, the stack, the heap, refused arguments. */
static void
tier1(void)
{
	struct vmspace *a = space(64), *b;
	struct vms_info info;
	uintptr_t va = 0;
	unsigned i;

	for (i = 0; i < 64; i++)
		put(a, VA + i * PAGE, i);
	CHECK(vms_fork(a, &b) == 0);
	put(a, VA, 100);
	put(b, VA + PAGE, 200);
	CHECK(get(b, VA) == 0 && get(a, VA + PAGE) == 1);
	CHECK(get(a, VA) == 100 && get(b, VA + PAGE) == 200);
	for (i = 2; i < 64; i++)
		CHECK(get(a, VA + i * PAGE) == i && get(b, VA + i * PAGE) == i);
	vms_share(b);
	CHECK(!vms_exit(b) && get(b, VA + PAGE) == 200);
	vms_release(b);

	CHECK(vms_hold(b));
	CHECK(vms_exit(b));
	CHECK(vms_read(b, VA, &va, 1) == VMS_EFAULT);
	CHECK(vms_fault(b, VA, VMS_READ) == VMS_EFAULT);
	CHECK(vms_map(b, &va, PAGE, VMS_READ, 0) == VMS_EFAULT);
	vms_release(b);
	vms_release(b);

	CHECK(vms_fault(a, VA + 5, VMS_WRITE) == 0);
	CHECK(vms_fault(a, 0x5000, VMS_READ) == VMS_EFAULT);
	CHECK(vms_fault(a, ~(uintptr_t)0, VMS_READ) == VMS_EFAULT);
	CHECK(vms_protect(a, VA, PAGE, VMS_READ) == 0);
	CHECK(vms_fault(a, VA, VMS_WRITE) == VMS_EACCES);
	va = VA;
	CHECK(vms_map(a, &va, PAGE, VMS_READ, VMS_FIXED | VMS_NOREPLACE) ==
	      VMS_EEXIST);
	va = 1;
	CHECK(vms_map(a, &va, PAGE, VMS_READ, VMS_FIXED) == VMS_EINVAL);
	va = 0;
	CHECK(vms_map(a, &va, 0, VMS_READ, 0) == VMS_EINVAL);
	CHECK(vms_map(a, &va, PAGE, 8, 0) == VMS_EINVAL);
	CHECK(vms_map(a, &va, SIZE_MAX - 5, VMS_READ, 0) != 0);
	CHECK(vms_unmap(a, VA + 1, PAGE) == VMS_EINVAL);
	CHECK(vms_read(a, ~(uintptr_t)0 - 3, &va, 8) == VMS_EFAULT);
	CHECK(vms_next(a, 0, &info) && info.vi_start == VA);
	CHECK(info.vi_end == VA + PAGE && info.vi_prot == VMS_READ);
	CHECK(vms_next(a, info.vi_end, &info) && !info.vi_shared);
	CHECK(!vms_next(a, info.vi_end, &info));

	CHECK(vms_stack(a, 0x7fff0000, PAGE, 64 * PAGE) == 0);
	CHECK(vms_fault(a, 0x7fff0000 - 20 * PAGE, VMS_WRITE) == 0);
	CHECK(vms_fault(a, 0x7fff0000 - 65 * PAGE, VMS_WRITE) == VMS_EFAULT);
	vms_heap(a, 0x600000);
	CHECK(vms_brk(a, 0x605000) == 0x605000);
	put(a, 0x604000, 1);
	CHECK(vms_brk(a, 0) == 0x605000);
	va = 0;
	CHECK(vms_map(a, &va, PAGE, VMS_READ | VMS_WRITE, VMS_SHARED) == 0);
	CHECK(vms_fork(a, &b) == 0);
	put(b, va, 77);
	CHECK(get(a, va) == 77);
	end(b);
	end(a);
}

#if VMS_TIER >= 2
static struct vmspace *common;
static _Atomic(int) running;
static _Atomic(bool) go;

/* What every CPU does at once: spaces of its own, and pages of one it shares. */
static void
worker(void *arg)
{
	uintptr_t base = VA + (uintptr_t)arg * 16 * PAGE;
	struct vmspace *a, *b;
	unsigned i, k;

	while (!go)
		usleep(100);
	for (k = 0; k < 200; k++) {
		a = space(16);
		vms_activate(a);
		for (i = 0; i < 16; i++)
			put(a, VA + i * PAGE, i + k);
		CHECK(vms_fork(a, &b) == 0);
		put(b, VA, 1);
		put(a, VA + PAGE, 2);
		CHECK(get(a, VA) == k && get(b, VA + PAGE) == 1 + k);
		end(a);
		end(b);
		vms_activate(common);
		for (i = 0; i < 16; i++)
			put(common, base + i * PAGE, k);
		CHECK(vms_unmap(common, base, 16 * PAGE) == 0);
		CHECK(vms_map(common, &base, 16 * PAGE, VMS_READ | VMS_WRITE,
			  VMS_FIXED) == 0);
		CHECK(get(common, base) == 0);
	}
	vms_activate(NULL);
	running--;
}

static void
tier2(void)
{
	uintptr_t i;
	size_t before;

	running = 4;
	for (i = 1; i < 4; i++)
		hosted_cpu_start(worker, (void *)i);
	before = vms_pages_free_count(); /* each CPU has taken some */
	common = space(16 * 4);
	go = true;
	worker((void *)0);
	while (running > 0)
		usleep(1000);
	end(common);
	CHECK(vms_pages_free_count() == before);
}
#endif

#if VMS_TIER >= 3
static void
tier3(void)
{
	static unsigned char bytes[3 * 4096];
	struct hosted_file file = {.name = "/etc/motd", .bytes = bytes,
	    .size = 5000};
	struct vmspace *vm, *other;
	struct vms_info info;
	struct vms_file *f;
	uintptr_t shared = 0, private = 0;

	memset(bytes, 'x', sizeof(bytes));
	CHECK(vms_create(&vm) == 0 && vms_create(&other) == 0);
	CHECK(vms_file_create(&file, &f) == 0 && file.refs == 1);
	CHECK(vms_map_file(vm, &shared, 5000, VMS_READ | VMS_WRITE, VMS_SHARED,
		  f, 0) == 0);
	CHECK(vms_map_file(other, &private, 3 * PAGE, VMS_READ | VMS_WRITE, 0,
		  f, 0) == 0);
	CHECK(vms_map_file(vm, &private, PAGE, VMS_READ, 0, f, 1) ==
	      VMS_EINVAL);
	CHECK(get(vm, shared) == 0x7878787878787878);
	CHECK(get(other, private) == get(vm, shared) && file.nread == 1);
	put(other, private, 1); /* his own copy */
	CHECK(get(vm, shared) == 0x7878787878787878 && file.nwritten == 0);
	put(vm, shared + 4096, 2); /* the file's */
	CHECK(get(other, private + 4096) == 2);
	CHECK(get(vm, shared + 5000) == 0);
	CHECK(vms_fault(other, private + 2 * PAGE, VMS_READ) == VMS_ENXIO);
	CHECK(bytes[4096] == 'x' && vms_file_sync(f) == 0 && bytes[4096] == 2);
	CHECK(bytes[5000] == 'x' && file.nwritten == 1);
	CHECK(vms_file_sync(f) == 0 && file.nwritten == 1);
	CHECK(vms_next(vm, shared, &info) && info.vi_shared &&
	      strcmp(info.vi_name, "/etc/motd") == 0 && info.vi_dev == 1);
	put(vm, shared + 8, 3);
	file.size = 4000;
	vms_file_resized(f);
	CHECK(vms_fault(vm, shared + 4096, VMS_READ) == VMS_ENXIO);
	vms_file_release(f);
	end(other);
	CHECK(file.refs == 1 && bytes[8] == 'x');
	end(vm); /* the last mapping: written and let go before this returns */
	CHECK(file.refs == 0 && bytes[8] == 3);

	file.fail = true;
	file.size = 100;
	CHECK(vms_create(&vm) == 0 && vms_file_create(&file, &f) == 0);
	CHECK(vms_map_file(vm, &shared, PAGE, VMS_READ, 0, f, 0) == 0);
	CHECK(vms_fault(vm, shared, VMS_READ) == VMS_EIO);
	end(vm);
	vms_file_release(f);
	CHECK(file.refs == 0);
}
#endif

#if VMS_TIER >= 4
bool md_intr_disable(void);
void md_intr_restore(bool on);

static void
ticker(void *arg)
{
	bool on;

	for (;;) {
		usleep(5000);
		on = md_intr_disable();
		vms_tick();
		md_intr_restore(on);
		if (arg != NULL)
			return;
	}
}

static void
pageout(void *arg)
{
	(void)arg;
	vms_pageout();
}

/* Twice what there is room for, and all of it there. */
static void
tier4(void)
{
	size_t n = vms_pages_total() + vms_pages_total() / 4, i;
	struct vmspace *vm;

	CHECK(vms_swapon() == 0);
	hosted_cpu_start(pageout, NULL);
	hosted_cpu_start(ticker, NULL);
	vm = space(n);
	for (i = 0; i < n; i++)
		put(vm, VA + i * PAGE, i * 3);
	for (i = 0; i < n; i++)
		CHECK(get(vm, VA + i * PAGE) == i * 3);
	CHECK(!hosted_killed && vms_resident(vm) < n);
	end(vm);
}
#endif

int
main(void)
{
	struct vms_boot b;
	size_t before;
	unsigned i;

	hosted_boot_info(&b);
	vms_boot(&b);
	tier1(); /* pools keep what they take the first time */
	before = vms_pages_free_count();
	for (i = 0; i < 20; i++)
		tier1();
	CHECK(vms_pages_free_count() == before);
#if VMS_TIER >= 2
	tier2();
	before = vms_pages_free_count();
#endif
#if VMS_TIER >= 3
	tier3();
	CHECK(vms_pages_free_count() == before);
#endif
#if VMS_TIER >= 4
	tier4();
#endif
#if VMS_TIER >= 5
	before = 0;
	vms_stats(&before);
	CHECK(before > 30 && hosted_traced > 100);
#endif
#if VMS_TIER < 4
	vms_verify();
#endif
	printf("tier %d: %zu pages, all back\n", VMS_TIER, vms_pages_total());
	return 0;
}
