/*
 * fdt.c: what the device tree says about the machine.
 *
 * A flattened tree (Devicetree Specification 0.4, chapter 5) is a string of
 * 32-bit big-endian tokens; each node begins with its properties, and nodes
 * nest.  One pass without recursion finds every node, with what its parent
 * says about the width of addresses, and what is of use is copied out.
 *
 * Debian's libfdt is compiled with stack protection and floating-point
 * registers, so it cannot be linked here.
 */
#include "arm64.h"

#include <base/kassert.h>
#include <base/print.h>

#define FDT_MAGIC 0xd00dfeedu
#define FDT_BEGIN 1u
#define FDT_END   2u
#define FDT_PROP  3u
#define FDT_NOP   4u

#define DEPTH_MAX 16u

struct fdt_header {
	uint32_t fh_magic;
	uint32_t fh_total;
	uint32_t fh_struct;
	uint32_t fh_strings;
	uint32_t fh_rsvmap;
	uint32_t fh_version;
	uint32_t fh_compat;
	uint32_t fh_cpu;
	uint32_t fh_nstrings;
	uint32_t fh_nstruct;
};

/* A node, and where the pass is. */
struct node {
	const uint32_t *nd_next; /* the token behind its properties */
	const uint32_t *nd_prop; /* its first property */
	const uint32_t *nd_end;  /* of all tokens */
	const char *nd_strings;
	const char *nd_name[DEPTH_MAX]; /* from the root down to it */
	u_int nd_acells[DEPTH_MAX];     /* of the addresses of its children */
	u_int nd_scells[DEPTH_MAX];
	u_int nd_depth; /* 1: the root */
};

struct machine md_hw;

static uint32_t
be32(const uint32_t *p)
{
	return __builtin_bswap32(*p);
}

static const uint32_t *
skip(const uint32_t *p, size_t len)
{
	return p + (len + 3) / 4;
}

/* A property of the node; NULL: it has none.  *lenp bytes. */
static const void *
prop(const struct node *nd, const char *name, u_int *lenp)
{
	const uint32_t *p = nd->nd_prop;

	*lenp = 0;
	while (p < nd->nd_end) {
		if (be32(p) == FDT_NOP) {
			p++;
			continue;
		}
		if (be32(p) != FDT_PROP)
			return NULL;
		if (strcmp(nd->nd_strings + be32(p + 2), name) == 0) {
			*lenp = be32(p + 1);
			return p + 3;
		}
		p = skip(p + 3, be32(p + 1));
	}
	return NULL;
}

static u_int
prop_u32(const struct node *nd, const char *name, u_int otherwise)
{
	u_int len;
	const uint32_t *p = prop(nd, name, &len);

	return p != NULL && len >= 4 ? be32(p) : otherwise;
}

/* Go to the next node, in the order of the tree; false: there is none. */
static bool
node_next(struct node *nd)
{
	const uint32_t *p = nd->nd_next;
	u_int d;

	while (p < nd->nd_end) {
		switch (be32(p)) {
		case FDT_NOP:
			p++;
			break;
		case FDT_PROP:
			p = skip(p + 3, be32(p + 1));
			break;
		case FDT_END:
			if (nd->nd_depth == 0)
				return false;
			nd->nd_depth--;
			p++;
			break;
		case FDT_BEGIN:
			d = nd->nd_depth;
			if (d == DEPTH_MAX)
				return false;
			nd->nd_name[d] = (const char *)(p + 1);
			nd->nd_prop = skip(p + 1, strlen(nd->nd_name[d]) + 1);
			nd->nd_next = nd->nd_prop;
			nd->nd_acells[d] = prop_u32(nd, "#address-cells", 2);
			nd->nd_scells[d] = prop_u32(nd, "#size-cells", 1);
			nd->nd_depth++;
			return true;
		default:
			return false;
		}
	}
	return false;
}

/* Whether the name of the node at depth is this, not counting "@...". */
static bool
named(const struct node *nd, u_int depth, const char *name)
{
	size_t len = strlen(name);
	const char *s;

	if (nd->nd_depth <= depth)
		return false;
	s = nd->nd_name[depth];
	return strncmp(s, name, len) == 0 && (s[len] == '\0' || s[len] == '@');
}

/* Whether the list of strings "compatible" has this one. */
static bool
compatible(const struct node *nd, const char *what)
{
	u_int len;
	const char *s = prop(nd, "compatible", &len), *end = s + len;

	for (; s != NULL && s < end; s += strlen(s) + 1)
		if (strcmp(s, what) == 0)
			return true;
	return false;
}

static uint64_t
cells(const uint32_t *p, u_int n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 32 | be32(p++);
	return v;
}

/* Address and size number idx of "reg"; false: it has fewer. */
static bool
reg(const struct node *nd, u_int idx, struct range *r)
{
	u_int len, ac, sc;
	const uint32_t *p = prop(nd, "reg", &len);

	if (p == NULL || nd->nd_depth < 2)
		return false;
	ac = nd->nd_acells[nd->nd_depth - 2];
	sc = nd->nd_scells[nd->nd_depth - 2];
	if (ac > 2 || sc > 2 || (idx + 1) * (ac + sc) * 4 > len)
		return false;
	p += idx * (ac + sc);
	r->start = cells(p, ac);
	r->end = r->start + cells(p + ac, sc);
	return true;
}

/* Interrupt number idx as the GIC numbers them (its binding); 0: none. */
static u_int
irq(const struct node *nd, u_int idx)
{
	u_int len;
	const uint32_t *p = prop(nd, "interrupts", &len);

	if (p == NULL || (idx + 1) * 12 > len)
		return 0;
	p += idx * 3;
	return be32(p + 1) + (be32(p) == 0 ? 32 : 16);
}

static void
range_add(struct range *list, u_int *n, paddr_t start, paddr_t end)
{
	u_int i;

	if (start >= end || *n == NRANGE)
		return;
	for (i = *n; i > 0 && list[i - 1].start > start; i--)
		list[i] = list[i - 1];
	list[i].start = start;
	list[i].end = end;
	++*n;
}

static void
read_chosen(const struct node *nd)
{
	u_int len;
	const uint32_t *p;
	const char *s;

	s = prop(nd, "bootargs", &len);
	if (s != NULL)
		strlcpy(md_bootline, s, sizeof(md_bootline));
	p = prop(nd, "linux,initrd-start", &len);
	if (p != NULL)
		md_hw.hw_initrd = cells(p, len / 4);
	p = prop(nd, "linux,initrd-end", &len);
	if (p != NULL)
		md_hw.hw_initrdend = cells(p, len / 4);
}

static void
read_gic(const struct node *nd, u_int version)
{
	struct range r;
	u_int i, n;

	if (!reg(nd, 0, &r))
		return;
	md_hw.hw_gic = version;
	md_hw.hw_gicd = r.start;
	md_hw.hw_gicdlen = r.end - r.start;
	if (version == 2) {
		if (reg(nd, 1, &r))
			md_hw.hw_gicc = r.start;
		return;
	}
	n = MIN(prop_u32(nd, "#redistributor-regions", 1),
	    nitems(md_hw.hw_gicr));
	for (i = 0; i < n && reg(nd, 1 + i, &r); i++)
		md_hw.hw_gicr[md_hw.hw_ngicr++] = r;
}

static void
read_psci(const struct node *nd)
{
	u_int len;
	const char *s = prop(nd, "method", &len);

	md_hw.hw_psci = s != NULL;
	md_hw.hw_smc = s != NULL && strcmp(s, "smc") == 0;
}

/* In the order of their addresses, which is not that of QEMU's tree. */
static void
read_virtio(const struct node *nd)
{
	struct transport *t = md_hw.hw_virtio;
	struct range r;
	u_int i;

	if (!reg(nd, 0, &r) || md_hw.hw_nvirtio == NTRANSPORT)
		return;
	for (i = md_hw.hw_nvirtio++; i > 0 && t[i - 1].tr_pa > r.start; i--)
		t[i] = t[i - 1];
	t[i].tr_pa = r.start;
	t[i].tr_irq = irq(nd, 0);
}

/* Interrupts of the timer: secure, physical, virtual, hypervisor. */
static void
read_devices(const struct node *nd)
{
	struct range r;

	if (compatible(nd, "arm,gic-v3"))
		read_gic(nd, 3);
	else if (compatible(nd, "arm,cortex-a15-gic") ||
		 compatible(nd, "arm,gic-400"))
		read_gic(nd, 2);
	else if (compatible(nd, "arm,armv8-timer"))
		md_hw.hw_timerirq = irq(nd, 2);
	else if (compatible(nd, "arm,psci-0.2") ||
		 compatible(nd, "arm,psci-1.0"))
		read_psci(nd);
	else if (compatible(nd, "arm,pl011") && md_hw.hw_uart == 0 &&
		 reg(nd, 0, &r)) {
		md_hw.hw_uart = r.start;
		md_hw.hw_uartirq = irq(nd, 0);
	} else if (compatible(nd, "arm,pl031") && reg(nd, 0, &r))
		md_hw.hw_rtc = r.start;
	else if (compatible(nd, "virtio,mmio"))
		read_virtio(nd);
}

static void
read_node(const struct node *nd)
{
	struct range r;
	u_int i;

	if (nd->nd_depth == 2 && named(nd, 1, "chosen"))
		read_chosen(nd);
	else if (nd->nd_depth == 2 && named(nd, 1, "memory")) {
		for (i = 0; reg(nd, i, &r); i++)
			range_add(md_hw.hw_ram, &md_hw.hw_nram,
			    round_page(r.start), trunc_page(r.end));
	} else if (nd->nd_depth == 3 && named(nd, 1, "cpus") &&
		   named(nd, 2, "cpu")) {
		if (reg(nd, 0, &r) && md_hw.hw_ncpu < MAXCPU)
			md_hw.hw_cpu[md_hw.hw_ncpu++] = r.start;
	} else if (nd->nd_depth == 3 && named(nd, 1, "reserved-memory")) {
		for (i = 0; reg(nd, i, &r); i++)
			range_add(md_hw.hw_keep, &md_hw.hw_nkeep,
			    trunc_page(r.start), round_page(r.end));
	} else
		read_devices(nd);
}

const char *
md_fdt_read(const void *fdt)
{
	const struct fdt_header *fh = fdt;
	const uint64_t *rsv;
	struct node nd = {0};
	uint64_t start;

	if (be32(&fh->fh_magic) != FDT_MAGIC || be32(&fh->fh_version) < 17)
		return "no device tree of version 17";
	if (be32(&fh->fh_total) > 2 << 20)
		return "the device tree is larger than 2 MiB";

	nd.nd_next =
	    (const uint32_t *)((const char *)fdt + be32(&fh->fh_struct));
	nd.nd_prop = nd.nd_next;
	nd.nd_end = nd.nd_next + be32(&fh->fh_nstruct) / 4;
	nd.nd_strings = (const char *)fdt + be32(&fh->fh_strings);
	while (node_next(&nd))
		read_node(&nd);

	rsv = (const uint64_t *)((const char *)fdt + be32(&fh->fh_rsvmap));
	for (; rsv[1] != 0; rsv += 2) {
		start = __builtin_bswap64(rsv[0]);
		range_add(md_hw.hw_keep, &md_hw.hw_nkeep, trunc_page(start),
		    round_page(start + __builtin_bswap64(rsv[1])));
	}
	if (md_hw.hw_nram == 0)
		return "the device tree has no memory";
	return NULL;
}
