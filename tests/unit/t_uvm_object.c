/*
 * t_uvm_object.c: objects apart from mappings: names, bytes moved for read()
 * and write(), busy pages.
 */
#include <base/thread.h>

#include "t_uvm.h"

#define BASE ((vaddr_t)0x60000000)

TEST(uvm_aobj_name)
{
	struct uvm_object *uo;
	char buf[8];
	dev_t dev = 1;
	ino_t ino = 1;

	if (!CHECK(uao_create(0, &uo) == 0))
		return;
	CHECK(uvm_object_name(uo, buf, sizeof(buf)) == 0 && buf[0] == '\0');
	uvm_object_set_name(uo, "/a/rather/long/name", 3, 4);
	CHECK(uvm_object_name(uo, buf, sizeof(buf)) == 7);
	CHECK(strcmp(buf, "/a/rath") == 0);
	uvm_object_set_name(uo, "/b", 5, 6);
	CHECK(uvm_object_name(uo, buf, sizeof(buf)) == 2);
	CHECK(strcmp(buf, "/b") == 0);
	uvm_object_ident(uo, &dev, &ino);
	CHECK(dev == 5 && ino == 6);
	uvm_object_free(uo);
}

/*
 * The user memory of the tests below: a space of our own, reached as a
 * program reaches it.
 */
static struct vmspace *user;

static int
user_copyin(vaddr_t from, void *to, size_t len)
{
	size_t i;
	int byte;

	CHECK(lock_none());
	for (i = 0; i < len; i++) {
		byte = peek(user, from + i);
		if (byte < 0)
			return EFAULT;
		((u_char *)to)[i] = (u_char)byte;
	}
	return 0;
}

static int
user_copyout(const void *from, vaddr_t to, size_t len)
{
	size_t i;

	CHECK(lock_none());
	for (i = 0; i < len; i++)
		if (poke(user, to + i, ((const u_char *)from)[i]) != 0)
			return EFAULT;
	return 0;
}

static bool
no(void)
{
	return false;
}

static const struct uvm_upcalls user_upcalls = {
    .up_nomem = no,
    .up_killed = no,
    .up_copyin = user_copyin,
    .up_copyout = user_copyout,
};

/* A file read into and written from a mapping of itself. */
TEST(uvm_object_io_user)
{
	const struct uvm_upcalls *old = uvm_upcalls;
	struct uvm_object *uo;
	size_t done;
	u_int i;

	user = space();
	if (user == NULL || !CHECK(uao_create(3 * PAGE_SIZE - 100, &uo) == 0))
		return;
	uvm_upcalls = &user_upcalls;
	CHECK(map_object(user, BASE, ptoa(3), RW, uo, 0, false) == 0);
	for (i = 0; i < 600; i++)
		CHECK(poke(user, BASE + 3000 + i, (u_char)(i * 7)) == 0);
	/* Across a page border, source and target in one file. */
	CHECK(uvm_object_io(uo, PAGE_SIZE - 50, NULL, BASE + 3000, 600, true,
		  &done) == 0 &&
	      done == 600);
	for (i = 0; i < 600; i++)
		CHECK(peek(user, BASE + PAGE_SIZE - 50 + i) == (u_char)(i * 7));
	CHECK(uvm_object_io(uo, PAGE_SIZE - 50, NULL, BASE + 2 * PAGE_SIZE, 400,
		  false, &done) == 0 &&
	      done == 400);
	CHECK(peek(user, BASE + 2 * PAGE_SIZE + 399) == (u_char)(399 * 7));

	/* Reading stops at the end; writing there is refused. */
	CHECK(uvm_object_io(uo, 3 * PAGE_SIZE - 200, NULL, BASE, 500, false,
		  &done) == 0 &&
	      done == 100);
	CHECK(uvm_object_io(uo, 3 * PAGE_SIZE - 200, NULL, BASE, 500, true,
		  &done) == ENXIO &&
	      done == 100);
	CHECK(uvm_object_io(uo, 4 * PAGE_SIZE, NULL, BASE, 1, false, &done) ==
		  0 &&
	      done == 0);
	/* Bad user memory: what came before it was moved. */
	CHECK(uvm_object_io(uo, 0, NULL, BASE + 3 * PAGE_SIZE, 10, false,
		  &done) == EFAULT &&
	      done == 0);
	CHECK(uvm_object_io(uo, PAGE_SIZE, NULL, BASE - 10, 20, true, &done) ==
	      EFAULT);
	phys_fail_nth(1);
	CHECK(uvm_object_io(uo, 0, NULL, BASE, 1, false, &done) == ENOMEM);
	phys_fail_nth(0);
	end_space(user);
	uvm_object_free(uo);
	uvm_upcalls = old;
}

static _Atomic(bool) waited;

static void
wait_for_page(void *arg)
{
	struct uvm_object *uo = arg;

	uvm_object_wait(uo, 1);
	atomic_store(&waited, true);
}

static void
shrink(void *arg)
{
	uao_resize(arg, 0);
	atomic_store(&waited, true);
}

/* Whoever needs a busy page waits, and only for that page. */
TEST(uvm_object_busy)
{
	void (*const waiter[])(void *) = {wait_for_page, shrink};
	struct uvm_object *uo;
	struct vm_page *pg;
	struct thread *td;
	u_char byte = 1;
	size_t done;
	u_int i, j;

	if (!CHECK(uao_create(ptoa(3), &uo) == 0))
		return;
	for (i = 0; i < 3; i++)
		CHECK(
		    uvm_object_io(uo, ptoa(i), &byte, 0, 1, true, &done) == 0);
	uvm_object_wait(uo, 1);
	uvm_object_wait(uo, 100);
	for (i = 0; i < nitems(waiter); i++) {
		rw_write_enter(&uo->uo_lock);
		pg = uvm_object_lookup(uo, 1);
		uvm_page_busy(pg);
		rw_exit(&uo->uo_lock);
		atomic_store(&waited, false);
		td = ktest_spawn(waiter[i], uo);
		for (j = 0; j < 20; j++)
			thread_yield();
		CHECK(!atomic_load(&waited));
		rw_write_enter(&uo->uo_lock);
		CHECK(uvm_object_lookup(uo, 1) == pg);
		uvm_page_unbusy(pg);
		rw_exit(&uo->uo_lock);
		ktest_join(td);
		CHECK(atomic_load(&waited));
	}
	CHECK(uo->uo_npages == 0);
	uvm_object_free(uo);
}

/*
 * Memory that comes back when it is asked for: the fault waits for it and
 * goes on; a thread that has been killed does not wait.
 */
static u_int asked;
static bool killed;

static bool
give(void)
{
	asked++;
	phys_fail_nth(0);
	return true;
}

static bool
is_killed(void)
{
	return killed;
}

static const struct uvm_upcalls giving = {
    .up_nomem = give,
    .up_killed = is_killed,
    .up_copyout = user_copyout,
};

TEST(uvm_fault_waits_for_memory)
{
	const struct uvm_upcalls *old = uvm_upcalls;
	struct vmspace *vm = space();
	struct uvm_object *uo;
	size_t done;
	u_int n;

	if (vm == NULL || !CHECK(uao_create(ptoa(4), &uo) == 0))
		return;
	CHECK(map_anon(vm, BASE, ptoa(16), RW) == 0);
	CHECK(map_object(vm, BASE + ptoa(16), ptoa(4), RW, uo, 0, true) == 0);
	uvm_upcalls = &giving;
	killed = false;
	asked = 0;
	/* Each allocation of a first fault in turn, page tables included. */
	for (n = 1; n < 8; n++) {
		phys_fail_nth(n);
		CHECK(
		    uvm_fault(&vm->vm_map, BASE + ptoa(n), PROT_WRITE, 0) == 0);
		phys_fail_nth(0);
		CHECK(poke(vm, BASE + ptoa(n), 1) == 0);
	}
	CHECK(asked > 0);
	phys_fail_nth(1);
	CHECK(peek(vm, BASE + ptoa(16)) == 0);
	phys_fail_nth(0);

	user = vm;
	asked = 0;
	phys_fail_nth(2);
	CHECK(uvm_object_io(uo, ptoa(1), NULL, BASE + ptoa(1), 1, false,
		  &done) == 0 &&
	      asked == 1);
	phys_fail_nth(0);

	killed = true;
	phys_fail_nth(1);
	CHECK(uvm_fault(&vm->vm_map, BASE + ptoa(12), PROT_WRITE, 0) == ENOMEM);
	phys_fail_nth(0);
	end_space(vm);
	uvm_object_free(uo);
	uvm_upcalls = old;
}

TEST(uvm_stats)
{
	struct uvm_stats a, b;
	struct uvm_object *uo;
	u_char byte = 1;
	size_t done;

	if (!CHECK(uao_create(ptoa(2), &uo) == 0))
		return;
	/* What earlier tests left to deferred frees must not come back now. */
	epoch_drain();
	uvm_stats(&a);
	CHECK(uvm_object_io(uo, 0, &byte, 0, 1, true, &done) == 0);
	uvm_stats(&b);
	CHECK(b.us_total == a.us_total && b.us_free < a.us_free);
	CHECK(b.us_object == a.us_object + 1);
	uvm_object_free(uo);
}

/*
 * Truncation against faults, clips, merges and forks of what hides the
 * object: no page or copy past the end survives, whoever was first.
 */
static _Atomic(bool) cut_stop;

static void
cut_toucher(void *arg)
{
	struct vmspace *vm = arg;
	u_int i;

	for (i = 0; !atomic_load(&cut_stop); i += 5) {
		(void)uvm_fault(&vm->vm_map, BASE + ptoa(i % 64),
		    i % 4 == 0 ? PROT_READ : PROT_WRITE, 0);
		if (i % 16 == 0)
			thread_yield();
	}
}

TEST(uvm_concurrent_truncate)
{
	struct vmspace *vm = space(), *child;
	struct uvm_object *uo;
	struct thread *td[3];
	vaddr_t va;
	u_int i;

	if (vm == NULL || !CHECK(uao_create(ptoa(32), &uo) == 0))
		return;
	CHECK(map_object(vm, BASE, ptoa(32), RW, uo, 0, true) == 0);
	CHECK(map_object(vm, BASE + ptoa(32), ptoa(32), RW, uo, 0, false) == 0);
	atomic_store(&cut_stop, false);
	for (i = 0; i < nitems(td); i++)
		td[i] = ktest_spawn(cut_toucher, vm);
	for (i = 0; i < 80; i++) {
		va = BASE + ptoa(ktest_random() % 28);
		switch (ktest_random() % 4) {
		case 0:
			uao_resize(uo, ptoa(ktest_random() % 33) + 7);
			break;
		case 1:
			CHECK(uvm_protect(&vm->vm_map, va, va + ptoa(4),
				  i % 2 ? PROT_READ : RW) == 0);
			break;
		case 2:
			if (!CHECK(uvmspace_fork(vm, &child, 0) == 0))
				break;
			(void)uvm_fault(&child->vm_map, va, PROT_WRITE, 0);
			uao_resize(uo, ptoa(ktest_random() % 33));
			end_space(child);
			break;
		default:
			thread_yield();
			break;
		}
	}
	uao_resize(uo, ptoa(3));
	atomic_store(&cut_stop, true);
	for (i = 0; i < nitems(td); i++)
		ktest_join(td[i]);
	verify(vm);
	CHECK(pmap_resident(vm_pmap(vm)) <= 6);
	for (i = 3; i < 32; i++)
		CHECK(peek(vm, BASE + ptoa(i)) == -ENXIO);
	/* What grows back is empty. */
	uao_resize(uo, ptoa(32));
	CHECK(uvm_protect(&vm->vm_map, BASE, BASE + ptoa(32), RW) == 0);
	for (i = 3; i < 32; i++)
		CHECK(peek(vm, BASE + ptoa(i)) == 0);
	end_space(vm);
	uvm_object_free(uo);
}
