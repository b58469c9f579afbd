/*
 * template.c: a port that does nothing yet.
 *
 * Copy it, set VMS_TIER, and replace one function after another: each says its
 * name when it is called before it is written.  What each has to do is said
 * in <port/tier1.h> to <port/tier5.h>.
 */
#include <vmspace/vmspace.h>

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

static void
say(const char *name)
{
	size_t n = 0;

	while (name[n] != '\0')
		n++;
	md_log(name, n);
	md_log(": not written yet\n", 18);
}

__attribute__((noreturn)) static void
unwritten(const char *name)
{
	say(name);
	md_halt(254);
}

void
md_log(const char *s, size_t len)
{
	(void)s;
	(void)len;
	for (;;)
		; /* md_log: nobody would see a message about it */
}

__attribute__((noreturn)) void
md_halt(int status)
{
	(void)status;
	say("md_halt");
	for (;;)
		;
}

bool
md_intr_disable(void)
{
	unwritten("md_intr_disable");
}

void
md_intr_restore(bool on)
{
	(void)on;
	unwritten("md_intr_restore");
}

unsigned
md_asid_count(void)
{
	unwritten("md_asid_count");
}

void
md_root_load(uint64_t root, unsigned asid)
{
	(void)root;
	(void)asid;
	unwritten("md_root_load");
}

void
md_root_kernel(void)
{
	unwritten("md_root_kernel");
}

void
md_tlb_flush_pages(const unsigned *asid, const uintptr_t *va, unsigned n)
{
	(void)asid;
	(void)va;
	(void)n;
	unwritten("md_tlb_flush_pages");
}

void
md_tlb_flush_asid(unsigned asid)
{
	(void)asid;
	unwritten("md_tlb_flush_asid");
}

void
md_tlb_flush_kernel(void)
{
	unwritten("md_tlb_flush_kernel");
}

void
md_icache_sync(void *va, size_t len)
{
	(void)va;
	(void)len;
	unwritten("md_icache_sync");
}

#if VMS_TIER >= 2
unsigned
md_cpu_id(void)
{
	unwritten("md_cpu_id");
}

struct vms_thread *
md_thread_self(void)
{
	unwritten("md_thread_self");
}

void
md_block(void)
{
	unwritten("md_block");
}

void
md_unblock(struct vms_thread *t)
{
	(void)t;
	unwritten("md_unblock");
}

void
md_ipi_tlb(unsigned cpu)
{
	(void)cpu;
	unwritten("md_ipi_tlb");
}

bool
md_tlb_broadcast(void)
{
	unwritten("md_tlb_broadcast");
}

void
md_tlb_flush_pages_all(const unsigned *asid, const uintptr_t *va, unsigned n)
{
	(void)asid;
	(void)va;
	(void)n;
	unwritten("md_tlb_flush_pages_all");
}

void
md_tlb_flush_asid_all(unsigned asid)
{
	(void)asid;
	unwritten("md_tlb_flush_asid_all");
}
#endif

#if VMS_TIER >= 3
int
md_file_read(void *file, uint64_t off, void *buf, size_t len)
{
	(void)file;
	(void)off;
	(void)buf;
	(void)len;
	unwritten("md_file_read");
}

int
md_file_write(void *file, uint64_t off, const void *buf, size_t len)
{
	(void)file;
	(void)off;
	(void)buf;
	(void)len;
	unwritten("md_file_write");
}

uint64_t
md_file_size(void *file)
{
	(void)file;
	unwritten("md_file_size");
}

void
md_file_ref(void *file)
{
	(void)file;
	unwritten("md_file_ref");
}

void
md_file_unref(void *file)
{
	(void)file;
	unwritten("md_file_unref");
}

size_t
md_file_name(void *file, char *buf, size_t len)
{
	(void)file;
	(void)buf;
	(void)len;
	unwritten("md_file_name");
}

void
md_file_ident(void *file, uint64_t *dev, uint64_t *ino)
{
	(void)file;
	(void)dev;
	(void)ino;
	unwritten("md_file_ident");
}
#endif

#if VMS_TIER >= 4
uint64_t
md_time_ns(void)
{
	unwritten("md_time_ns");
}

uint64_t
md_swap_pages(void)
{
	unwritten("md_swap_pages");
}

void
md_swap_start(struct vms_io *io)
{
	(void)io;
	unwritten("md_swap_start");
}

size_t
md_shrink(void)
{
	unwritten("md_shrink");
}

bool
md_nomem(void)
{
	unwritten("md_nomem");
}

bool
md_killed(void)
{
	unwritten("md_killed");
}
#endif

#if VMS_TIER >= 5
void
md_backtrace(void)
{
	unwritten("md_backtrace");
}

void
md_entropy(void *buf, size_t len)
{
	(void)buf;
	(void)len;
	unwritten("md_entropy");
}

uint64_t
md_cycles(void)
{
	unwritten("md_cycles");
}

void
md_trace(const char *name, const struct vmspace *vm, uintptr_t arg,
    uint64_t cycles, int error)
{
	(void)name;
	(void)vm;
	(void)arg;
	(void)cycles;
	(void)error;
	unwritten("md_trace");
}

void
md_stat(void *arg, const char *name, uint64_t value)
{
	(void)arg;
	(void)name;
	(void)value;
	unwritten("md_stat");
}
#endif
