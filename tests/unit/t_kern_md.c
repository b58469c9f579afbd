/*
 * t_kern_md.c: what a booted machine owes the layers above it: clocks,
 * refused copies, and a kernel that cannot write its own text.
 */
#include "ktest.h"

#include <sys/errno.h>
#include <base/cpu.h>
#include <base/thread.h>
#include <base/print.h>
#include <phys/page.h>
#include <port/machdep.h>
#include <port/frame.h>

/* An address in user space where a kernel thread has nothing mapped. */
#define NOWHERE ((vaddr_t)0x40000000)

/*
 * Goal: no range that is not entirely user space is touched.
 * Method: ranges that begin, end or wrap outside; the buffer keeps its junk.
 */
TEST(md_copy_refuses)
{
	static const struct {
		vaddr_t va;
		size_t len;
	} bad[] = {
	    {VM_MAXUSER_ADDRESS, 1},
	    {VM_MAXUSER_ADDRESS - 4, 8},
	    {UINTPTR_MAX - 3, 8},
	    {UINTPTR_MAX - 3, 4},
	    {(vaddr_t)1 << 63, 8},
	    {8, SIZE_MAX},
	};
	char buf[8] = "junk";
	uint32_t word = 7;
	size_t len = 99;
	u_int i;

	for (i = 0; i < nitems(bad); i++) {
		CHECK(md_copyin(bad[i].va, buf, bad[i].len) == EFAULT);
		CHECK(md_copyout(buf, bad[i].va, bad[i].len) == EFAULT);
	}
	CHECK(md_copyinstr(VM_MAXUSER_ADDRESS, buf, 8, &len) == EFAULT);
	CHECK(md_copyinstr((vaddr_t)1 << 63, buf, 8, &len) == EFAULT);
	CHECK(md_fetch32(VM_MAXUSER_ADDRESS, &word) == EFAULT);
	CHECK(md_cas32(VM_MAXUSER_ADDRESS, 1, 2, &word) == EFAULT);
	CHECK(strcmp(buf, "junk") == 0 && word == 7 && len == 99);
}

/* Goal: a fault that is refused ends each kind of copy with EFAULT. */
TEST(md_copy_faults)
{
	char buf[64];
	uint32_t word;
	size_t len;

	CHECK(md_copyin(NOWHERE, buf, 64) == EFAULT);
	CHECK(md_copyin(NOWHERE + 3, buf, 3) == EFAULT);
	CHECK(md_copyin(VM_MAXUSER_ADDRESS - 8, buf, 8) == EFAULT);
	CHECK(md_copyout(buf, NOWHERE, 64) == EFAULT);
	CHECK(md_copyinstr(NOWHERE, buf, 64, &len) == EFAULT);
	CHECK(md_fetch32(NOWHERE, &word) == EFAULT);
	CHECK(md_cas32(NOWHERE, 0, 1, &word) == EFAULT);
}

/* Goal: one clock, that never steps back, for threads on any CPU. */
static _Atomic(uint64_t) clock_seen;
static _Atomic(u_int) clock_back;

static void
clock_watch(void *arg __unused)
{
	uint64_t before, now;
	u_int i;

	for (i = 0; i < 20000; i++) {
		before =
		    atomic_load_explicit(&clock_seen, memory_order_acquire);
		now = md_time_ns();
		if (now < before)
			atomic_fetch_add_explicit(&clock_back, 1,
			    memory_order_relaxed);
		atomic_store_explicit(&clock_seen, now, memory_order_release);
	}
}

TEST(md_clock_monotonic)
{
	struct thread *td[2];

	td[0] = ktest_spawn(clock_watch, NULL);
	td[1] = ktest_spawn(clock_watch, NULL);
	ktest_join(td[0]);
	ktest_join(td[1]);
	CHECK(clock_back == 0);
	CHECK(md_cycles_ns(0) == 0);
	CHECK(md_wall_ns() > 1600000000ull * 1000000000ull);
}

/* Goal: a sleep is neither too short nor (on an idle machine) far too long. */
TEST(md_timer_deadline)
{
	uint64_t start, took;
	u_int i;

	for (i = 0; i < 3; i++) {
		start = md_time_ns();
		CHECK(sleep_until(start + 2000000, 0, "test") == ETIMEDOUT);
		took = md_time_ns() - start;
		CHECK(took >= 2000000);
		CHECK(took < 2000000000ull);
	}
}

TEST(md_page_contents)
{
	struct vm_page *a = page_alloc(PK_KERNEL, 0);
	struct vm_page *b = page_alloc(PK_KERNEL, 0);
	u_char *pa, *pb;
	u_int i, bad = 0;

	if (!CHECK(a != NULL && b != NULL))
		return;
	pa = page_direct(a);
	pb = page_direct(b);
	for (i = 0; i < PAGE_SIZE; i++)
		pa[i] = (u_char)(i * 7 + 1);
	md_page_copy(pb, pa);
	CHECK(memcmp(pa, pb, PAGE_SIZE) == 0);
	md_page_zero(pa);
	for (i = 0; i < PAGE_SIZE; i++)
		bad += pa[i] != 0;
	CHECK(bad == 0);
	page_free(a);
	page_free(b);
}

TEST(md_entropy_differs)
{
	uint64_t a[3] = {0}, b[3] = {0};

	md_entropy(a, sizeof(a));
	md_entropy(b, 17);
	CHECK(memcmp(a, b, 16) != 0);
	CHECK(a[0] != a[1]);
	CHECK(((u_char *)b)[17] == 0);
}

/*
 * Goal: what the kernel may not do to itself ends in a panic that says so.
 * Method: store through the image, and through the direct map of the same
 * page, to text and to constants; jump into data; follow a null pointer.
 */
extern char __text_start[], __text_end[];

static void
store(void *p)
{
	*(volatile char *)p = 0;
}

static void
jump(void *p)
{
	void (*fn)(void);

	memcpy(&fn, &p, sizeof(fn));
	fn();
}

TEST(md_kernel_protected)
{
	const char *want = "in the kernel";
	static char data[16] = {(char)0xc3};
	void *direct;

	CHECK(ktest_panics(store, __text_start, want));
	CHECK(ktest_panics(store, __text_end, want));
	direct = md_direct(md_kva_pa(__text_start));
	CHECK(ktest_panics(store, direct, want));
	CHECK(ktest_panics(jump, data, want));
	CHECK(ktest_panics(jump, direct, want));
	CHECK(ktest_panics(store, NULL, want));
	CHECK(ktest_panics(store, (void *)NOWHERE, want));
}
