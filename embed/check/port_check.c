/*
 * port_check.c: each sentence of the port's contract that can be seen from
 * inside, tried; see <vmspace/check.h>.
 *
 * Only the public headers are used, so that what is checked is what a porter
 * can read.  Where hardware would hide a mistake for a while (a translation
 * that was not flushed), the check first makes it remember the old one.
 */
#include <vmspace/check.h>

#include <port/tier1.h>
#if VMS_TIER >= 2
#include <port/tier2.h>
#endif
#if VMS_TIER >= 3
#include <port/tier3.h>
#endif
#if VMS_TIER >= 4
#include <port/tier4.h>
#endif
#if VMS_TIER >= 5
#include <port/tier5.h>
#endif

#define VA    ((uintptr_t)0x10000000)
#define PAGE  VMS_PAGE_SIZE
#define NPAGE 32u
#define BATCH 16u /* most that md_tlb_flush_pages() is asked for */

static uintptr_t direct; /* vb_direct */

static void
say(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	md_log(s, n);
}

static __attribute__((noreturn)) void
broken(const char *function, const char *sentence, const char *seen)
{
	say("port-check: BROKEN ");
	say(function);
	say(": ");
	say(sentence);
	say("\nport-check: seen: ");
	say(seen);
	say("\n");
	md_halt(1);
}

#define KEPT(ok, function, sentence, seen)                                     \
	do {                                                                   \
		if (!(ok))                                                     \
			broken(function, sentence, seen);                      \
	} while (0)

/*
 * A fault of ours: the page is not there, or no space is.  What is wanted then
 * is done, so that the access can be repeated.
 */
static volatile bool faulted;
static struct vmspace *rescue;

bool
vms_check_fault(uintptr_t va)
{
	if (rescue == NULL || va < VA || va >= VA + NPAGE * PAGE)
		return false;
	faulted = true;
	vms_activate(NULL);
	vms_activate(rescue);
	return vms_fault(rescue, va, VMS_READ) == 0;
}

/* What the machine reads at page i, and whether it faulted. */
static uint64_t
look(unsigned i)
{
	faulted = false;
	return *(volatile uint64_t *)(VA + i * PAGE);
}

/* A space whose page i holds tag + i. */
static struct vmspace *
space(uint64_t tag)
{
	struct vmspace *vm;
	uintptr_t va = VA;
	uint64_t v;
	unsigned i;

	if (vms_create(&vm) != 0 ||
	    vms_map(vm, &va, NPAGE * PAGE, VMS_READ | VMS_WRITE, VMS_FIXED) !=
		0)
		broken("vms_boot", "RAM that can be used", "out of memory");
	for (i = 0; i < NPAGE; i++) {
		v = tag + i;
		if (vms_write(vm, VA + i * PAGE, &v, sizeof(v)) != 0 ||
		    vms_fault(vm, VA + i * PAGE, VMS_WRITE) != 0)
			broken("vms_boot", "RAM that can be used",
			    "a page could not be had");
	}
	return vm;
}

static void
end(struct vmspace *vm)
{
	rescue = NULL;
	vms_exit(vm);
	vms_release(vm);
}

/*
 * Tier 1.
 */

static void
check_interrupts(void)
{
	bool was = md_intr_disable();

	KEPT(!md_intr_disable(), "md_intr_disable",
	    "from here on no interrupt is taken on this CPU; whether they were "
	    "enabled before",
	    "the second call in a row says that they were");
	md_intr_restore(false);
	KEPT(!md_intr_disable(), "md_intr_restore",
	    "false leaves them as they are",
	    "they were off, and are on after md_intr_restore(false)");
	md_intr_restore(true);
	KEPT(md_intr_disable(), "md_intr_restore", "true enables them",
	    "they are off after md_intr_restore(true)");
	md_intr_restore(was);
}

static void
check_asids(void)
{
	unsigned n = md_asid_count();

	KEPT(n >= 1, "md_asid_count",
	    "how many address space numbers the translation caches tell "
	    "apart; 1: they tell none",
	    "0");
	KEPT(n == md_asid_count(), "md_asid_count", "the same answer each time",
	    "two answers");
}

/* Bytes of RAM are where vb_direct says, for the machine as for the VM. */
static void
check_direct(void)
{
	struct vmspace *vm = space(100);
	unsigned i;

	rescue = vm;
	vms_activate(vm);
	for (i = 0; i < NPAGE; i++) {
		uint64_t v = look(i);

		KEPT(!faulted, "md_root_load",
		    "this CPU translates user addresses through root from here "
		    "on",
		    "an address that is mapped there faults");
		KEPT(v == 100 + i, "vb_direct",
		    "physical address pa is at virtual address vb_direct + pa",
		    "what was written there is not what a program reads");
	}
	md_root_kernel();
	for (i = 0; i < NPAGE; i++) {
		(void)look(i); /* the fault loads the space again */
		KEPT(faulted, "md_root_kernel",
		    "from here on this CPU translates no user address at all",
		    "a user address can still be read");
		md_root_kernel();
	}
	vms_activate(NULL);
	end(vm);
}

static void
check_roots(void)
{
	struct vmspace *a = space(1000), *b = space(2000);
	unsigned i;

	rescue = a;
	vms_activate(a);
	for (i = 0; i < NPAGE; i++)
		(void)look(i);
	rescue = b;
	vms_activate(b);
	for (i = 0; i < NPAGE; i++)
		KEPT(look(i) == 2000 + i, "md_root_load",
		    "this CPU translates user addresses through root from here "
		    "on; no user translation of another space is used",
		    "an address shows the space that was loaded before");
	end(a);
	end(b);
}

/*
 * Take pages away in a way that makes the VM flush n of them, and look whether
 * the machine noticed: unmapped, they fault, and come back as zeroes.
 */
static void
check_flush(const char *name, unsigned first, unsigned n, const char *sentence)
{
	struct vmspace *vm = space(3000);
	uintptr_t va = VA + first * PAGE;
	unsigned i, k;

	rescue = vm;
	vms_activate(vm);
	for (i = 0; i < NPAGE; i++)
		(void)look(i);
	if (vms_unmap(vm, va, n * PAGE) != 0 ||
	    vms_map(vm, &va, n * PAGE, VMS_READ | VMS_WRITE, VMS_FIXED) != 0)
		broken("vms_unmap", "memory for it", "none");
	/* The last first: a fault may make the machine forget the others. */
	for (k = 0; k < NPAGE; k++) {
		uint64_t v = look(i = NPAGE - 1 - k);

		KEPT(i - first >= n || v == 0, name, sentence,
		    "a page that was unmapped can still be read");
		KEPT(i - first < n || v == 3000 + i, name, sentence,
		    "a page beside those that were unmapped reads as another");
	}
	end(vm);
}

/*
 * More spaces than there are numbers: each number is used again, after all that
 * was remembered of it has been flushed.
 */
static void
check_rollover(void)
{
	unsigned n = md_asid_count(), i;
	struct vmspace *vm;

	if (n == 1 || n > 4096)
		return;
	for (i = 0; i < n + 8; i++) {
		vm = space(4000 + NPAGE * i);
		rescue = vm;
		vms_activate(vm);
		KEPT(look(0) == 4000 + NPAGE * i, "md_tlb_flush_kernel",
		    "everything of every ASID, the kernel's included",
		    "an address shows a space that is gone, whose ASID this "
		    "one has now");
		end(vm);
	}
}

static void
check_icache(void)
{
	uint64_t pa = vms_pages_alloc(0);

	md_icache_sync((void *)(direct + pa), PAGE);
	md_icache_sync((void *)(direct + pa + 4), 1);
	vms_pages_free(pa, 0);
}

#if VMS_TIER >= 2
static void
check_identity(void)
{
	struct vms_thread *self = md_thread_self();

	KEPT(md_cpu_id() == 0, "md_cpu_id", "the boot CPU's is 0",
	    "another number");
	KEPT(self != NULL && self == md_thread_self(), "md_thread_self",
	    "never moved while the thread lives", "two answers");
}

static void
check_tier2(void)
{
	struct vms_thread *self = md_thread_self();

	KEPT(vms_may_preempt(), "md_thread_self",
	    "prepared by vms_thread_init()", "it may not be preempted");
	KEPT(md_tlb_broadcast() == md_tlb_broadcast(), "md_tlb_broadcast",
	    "the same answer each time", "two answers");
	/* Waits for ever if the token is lost; the watchdog says so. */
	say("port-check: trying md_unblock before md_block\n");
	md_unblock(self);
	md_block();
	say("port-check: md_block returned\n");
}
#endif

#if VMS_TIER >= 3
static unsigned char page[VMS_PAGE_SIZE], again[VMS_PAGE_SIZE];

static void
check_tier3(void)
{
	void *file = vms_check_file();
	uintptr_t va = VA;
	struct vms_file *f;
	struct vmspace *vm;
	char name[4];
	size_t n, i;
	int error;

	KEPT(md_file_size(file) == 5000, "md_file_size", "bytes, now",
	    "vms_check_file() is not 5,000 bytes long");
	for (i = 0; i < PAGE; i++)
		page[i] = 0xa5;
	KEPT(md_file_read(file, PAGE, page, 904) == 0, "md_file_read",
	    "fill buf with the len bytes of file from byte off on", "an error");
	KEPT(page[904] == 0xa5, "md_file_read",
	    "fill buf with the len bytes of file from byte off on",
	    "bytes past len were written");
	n = md_file_name(file, name, sizeof(name));
	KEPT(n <= 3 && name[n] == '\0', "md_file_name",
	    "a name into buf, terminated, cut off at len bytes with its NUL; "
	    "the bytes without it",
	    "the answer does not fit the buffer");
	error = vms_file_create(file, &f);
	if (error != 0 || vms_create(&vm) != 0 ||
	    vms_map_file(vm, &va, 2 * PAGE, VMS_READ | VMS_WRITE,
		VMS_FIXED | VMS_SHARED, f, 0) != 0)
		broken("vms_file_create", "memory for it", "none");
	vms_file_release(f);
	KEPT(vms_read(vm, VA + PAGE, again, PAGE) == 0, "md_file_read", "0",
	    "an error");
	for (i = 0; i < 904; i++)
		KEPT(again[i] == page[i], "md_file_read",
		    "fill buf with the len bytes of file from byte off on",
		    "two reads differ");
	for (; i < PAGE; i++)
		KEPT(again[i] == 0, "md_file_read",
		    "off is page aligned, len at most a page, both within "
		    "md_file_size()",
		    "what lies past the end does not read as zeroes");
	again[3] = (unsigned char)(page[3] + 1);
	if (vms_write(vm, VA + PAGE + 3, &again[3], 1) != 0)
		broken("vms_write", "memory for it", "none");
	vms_exit(vm);
	vms_release(vm);
	KEPT(md_file_read(file, PAGE, page, 904) == 0 && page[3] == again[3],
	    "md_file_write", "the reverse, for a page that a shared mapping "
	    "changed",
	    "after the last mapping is gone the file has the old bytes");
}
#endif

#if VMS_TIER >= 4
static void
check_tier4(void)
{
	uint64_t t = md_time_ns(), u;
	unsigned i;

	for (i = 0; i < 1000; i++, t = u) {
		u = md_time_ns();
		KEPT(u >= t, "md_time_ns", "never going back",
		    "an earlier time than before");
	}
	KEPT(!md_killed(), "md_killed",
	    "whether the caller has been chosen itself",
	    "it says so, and nobody was");
	KEPT(vms_swapon() == 0, "md_swap_start",
	    "begin io, in the direction it says, and call vms_swap_done() once "
	    "when it is over",
	    "the header could not be written or read back");
}
#endif

#if VMS_TIER >= 5
static void
check_tier5(void)
{
	uint64_t a[4] = {0}, b[4] = {0}, c = md_cycles();

	md_entropy(a, sizeof(a));
	md_entropy(b, sizeof(b));
	KEPT(a[0] != b[0] || a[1] != b[1], "md_entropy",
	    "len bytes that nobody can guess", "the same bytes twice");
	KEPT(a[3] != 0 || b[3] != 0, "md_entropy",
	    "len bytes that nobody can guess, into buf",
	    "the last bytes were not written");
	KEPT(md_cycles() >= c, "md_cycles", "a clock", "it goes back");
}
#endif

void
vms_port_check(const struct vms_boot *b, bool mmu)
{
	size_t before;
	unsigned i;

	direct = b->vb_direct;
	check_interrupts();
	check_asids();
#if VMS_TIER >= 2
	check_identity();
#endif
	vms_boot(b);
	/* Pools keep what they took the first time. */
	end(space(1));
	before = vms_pages_free_count();
	if (mmu) {
		check_direct();
		check_roots();
		for (i = 0; i < NPAGE; i++)
			check_flush("md_tlb_flush_pages", i, 1,
			    "on return no access uses a translation that was "
			    "removed");
		check_flush("md_tlb_flush_pages", 1, BATCH,
		    "n pages, 1 to 16: va[i], page aligned, of asid[i]");
		check_flush("md_tlb_flush_asid", 0, NPAGE - 1,
		    "everything of one ASID");
		check_rollover();
	}
	check_icache();
#if VMS_TIER >= 2
	check_tier2();
#endif
#if VMS_TIER >= 3
	check_tier3();
#endif
	KEPT(vms_pages_free_count() == before, "vms_exit",
	    "all memory is back when it returns",
	    "another number of free pages than before");
#if VMS_TIER >= 4
	check_tier4();
#endif
#if VMS_TIER >= 5
	check_tier5();
#endif
	vms_verify();
	say("port-check: kept\n");
	md_halt(0);
	broken("md_halt", "never returns", "it did");
}
