# vmspace.py: what the kernel knows, as gdb commands.
#
#	procs			processes
#	maps [PID]		entries of the map
#	amaps [PID]		and the anons of their amaps
#	pages [ADDRESS]		page descriptors by kind, or one
#	pmaps [PID]		page tables: what they map
#	probes [N]		the last N entries of the ring of probes
#
# For a kernel that runs in QEMU (make gdb), for vmsim and the hosted unit
# tests under gdb, and for a core of either:
#
#	(gdb) source tools/gdb/vmspace.py
#
# Only memory is read; nothing is called, so that it works on a core.

import gdb

PAGE_SHIFT = 12
SECTION_SHIFT = 12        # <phys/page.h>, PHYS_SECTION_SHIFT
KINDS = ("hole", "reserved", "free", "kernel", "table", "anon", "object",
    "loose")
STATES = ("new", "live", "exiting", "zombie")


def value(name):
    return gdb.parse_and_eval(name)


def exists(name):
    try:
        value(name)
        return True
    except gdb.error:
        return False


def deatom(v):
    """A number, whatever qualifiers and wrappers it has."""
    while v.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        v = v[v.type.strip_typedefs().fields()[0]]
    return int(v)


def word(address):
    mem = gdb.selected_inferior().read_memory(address, 8)
    return int.from_bytes(mem.tobytes(), "little")


class Machine:
    """Where physical memory is seen, and how tables are written."""

    def __init__(self):
        if exists("format_name"):
            self.direct = 0x100000000
            self.format = value("format_name").string()
        elif "aarch64" in gdb.selected_inferior().architecture().name():
            self.direct = 0xffff000000000000
            self.format = "arm64"
        else:
            self.direct = 0xffff800000000000
            self.format = "amd64"
        self.levels = 3 if self.format == "sv39" else 4
        if self.format in ("arm64-16k", "arm64-64k"):
            raise gdb.GdbError("pages of other sizes: not known here")

    def decode(self, pte, level):
        """(kind, physical address, rights); kind: none, table, leaf."""
        if self.format == "amd64":
            if not pte & 1:
                return "none", 0, ""
            pa = pte & 0x000ffffffffff000
            if level > 0 and not pte & 0x80:
                return "table", pa, ""
            return "leaf", pa, "r" + ("w" if pte & 2 else "-") + \
                ("-" if pte >> 63 else "x")
        if self.format == "arm64":
            if not pte & 1:
                return "none", 0, ""
            pa = pte & 0x0000fffffffff000
            if level > 0 and pte & 2:
                return "table", pa, ""
            return "leaf", pa, ("r" if pte & 0x40 else "-") + \
                ("-" if pte & 0x80 else "w") + \
                ("-" if pte >> 54 & 1 else "x")
        if not pte & 1:
            return "none", 0, ""
        pa = (pte >> 10 & (1 << 44) - 1) << PAGE_SHIFT
        if not pte & 0xe:
            return "table", pa, ""
        return "leaf", pa, ("r" if pte & 2 else "-") + \
            ("w" if pte & 4 else "-") + ("x" if pte & 8 else "-")


def processes():
    p = value("proc_all")["lh_first"]
    while p != 0:
        yield p
        p = p["ps_all"]["le_next"]


def chosen(arg):
    """Processes with a space; with an argument, that one."""
    arg = arg.strip()
    want = int(arg, 0) if arg else None
    found = False
    for p in processes():
        if want is not None and int(p["ps_pid"]) != want:
            continue
        found = True
        if p["ps_vmspace"] == 0:
            if want is not None:
                raise gdb.GdbError("process %d has no space" % want)
            continue
        print("process %d (%s)" % (int(p["ps_pid"]),
            p["ps_comm"].string()))
        yield p["ps_vmspace"].dereference()
    if not found:
        raise gdb.GdbError("no such process")


def entries(vm):
    e = vm["vm_map"]["vm_first"]
    while e != 0:
        yield e.dereference()
        e = e["ve_next"]


def rights(prot):
    prot = int(prot)
    return "".join(c if prot & 1 << i else "-" for i, c in enumerate("rwx"))


def radix(rx):
    """(index, value) of a struct radix."""
    node = gdb.lookup_type("struct radix_node").pointer()
    todo = [rx["rx_root"]]
    while todo:
        v = todo.pop()
        if v == 0:
            continue
        n = v.cast(node).dereference()
        used, shift = int(n["rn_used"]), int(n["rn_shift"])
        for s in range(63, -1, -1) if shift else range(64):
            if not used >> s & 1:
                continue
            if shift:
                todo.append(n["rn_slot"][s])
            else:
                yield int(n["rn_base"]) + s, n["rn_slot"][s]


class Verb(gdb.Command):
    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, arg, tty):
        try:
            self.run(arg)
        except gdb.error as e:
            raise gdb.GdbError("%s: %s (is this a vmspace kernel, and does "
                "it run?)" % (self.name, e))


class Procs(Verb):
    """procs: all processes."""
    name = "procs"

    def run(self, arg):
        print("%5s %5s %-8s %5s %8s %s" % ("pid", "ppid", "state", "lwps",
            "pages", "name"))
        for p in processes():
            vm, parent = p["ps_vmspace"], p["ps_parent"]
            size = int(vm["vm_map"]["vm_size"]) >> PAGE_SHIFT if vm else 0
            print("%5d %5d %-8s %5d %8d %s" % (int(p["ps_pid"]),
                int(parent["ps_pid"]) if parent else 0,
                STATES[deatom(p["ps_state"])], int(p["ps_nlwp"]), size,
                p["ps_comm"].string()))


def print_entry(e):
    flags = int(e["ve_flags"])
    words = ["cow" if flags & 1 else "shared"]
    words += [w for b, w in ((2, "needs-copy"), (4, "stack"), (8, "grows"),
        (0x10, "heap"), (0x100, "sealed")) if flags & b]
    if int(e["ve_wired"]):
        words.append("wired")
    if e["ve_obj"] != 0:
        words.append("object %#x+%#x" % (int(e["ve_obj"]), int(e["ve_off"])))
    if e["ve_amap"] != 0:
        words.append("amap %#x" % int(e["ve_amap"]))
    print("  %#014x-%#014x %s/%s %s" % (int(e["ve_start"]), int(e["ve_end"]),
        rights(e["ve_prot"]), rights(e["ve_maxprot"]), " ".join(words)))


class Maps(Verb):
    """maps [PID]: the entries of a process's map, or of all."""
    name = "maps"

    def run(self, arg):
        for vm in chosen(arg):
            for e in entries(vm):
                print_entry(e)


class Amaps(Verb):
    """amaps [PID]: the entries with an amap, and its anons."""
    name = "amaps"

    def run(self, arg):
        anon = gdb.lookup_type("struct vm_anon").pointer()
        for vm in chosen(arg):
            for e in entries(vm):
                if e["ve_amap"] == 0:
                    continue
                print_entry(e)
                am = e["ve_amap"].dereference()
                print("    amap: %d references" % deatom(am["am_refs"]))
                for i, v in radix(am["am_anons"]):
                    an = v.cast(anon).dereference()
                    where = deatom(an["an_where"])
                    print("      slot %#x: anon %#x, %d references, %s" % (i,
                        int(v), deatom(an["an_refs"]),
                        "swap slot %#x" % (where >> 1) if where & 1
                        else "page %#x" % page_address(where)))


def page_address(pg):
    p = gdb.Value(pg).cast(gdb.lookup_type("struct vm_page").pointer())
    return int(p["pg_pfn"]) << PAGE_SHIFT


class Pages(Verb):
    """pages [ADDRESS]: how many pages of each kind, or one descriptor."""
    name = "pages"

    def section(self, i):
        return int(value("phys_section")[i])

    def run(self, arg):
        vm_page = gdb.lookup_type("struct vm_page")
        kind = [f for f in vm_page.fields() if f.name == "pg_kind"][0]
        if arg.strip():
            pfn = int(value(arg.strip())) >> PAGE_SHIFT
            s = pfn >> SECTION_SHIFT
            if s >= int(value("phys_nsection")) or self.section(s) == 0:
                raise gdb.GdbError("not RAM")
            pg = value("phys_section")[s] + pfn
            print("page %#x: %s" % (pfn << PAGE_SHIFT,
                KINDS[deatom(pg["pg_kind"])]))
            print(pg.dereference())
            return
        count = [0] * len(KINDS)
        for s in range(int(value("phys_nsection"))):
            if self.section(s) == 0:
                continue
            n = 1 << SECTION_SHIFT
            for at in range(0, n, 4096):
                try:
                    mem = gdb.selected_inferior().read_memory(
                        self.section(s) + ((s << SECTION_SHIFT) + at) *
                        vm_page.sizeof, 4096 * vm_page.sizeof).tobytes()
                except gdb.MemoryError:
                    continue
                for k in mem[kind.bitpos // 8::vm_page.sizeof]:
                    if k < len(count):
                        count[k] += 1
        for k, n in zip(KINDS, count):
            if n:
                print("%-9s %8d" % (k, n))


class Pmaps(Verb):
    """pmaps [PID]: the page tables of a process, or of all."""
    name = "pmaps"

    def walk(self, m, table, level, va):
        mem = gdb.selected_inferior().read_memory(m.direct + table, 4096)
        mem = mem.tobytes()
        top = 256 if level == m.levels - 1 else 512
        for i in range(top):
            pte = int.from_bytes(mem[8 * i:8 * i + 8], "little")
            kind, pa, how = m.decode(pte, level)
            at = va + (i << PAGE_SHIFT + 9 * level)
            if kind == "table":
                self.walk(m, pa, level - 1, at)
            elif kind == "leaf":
                print("  %#014x -> %#010x %s" % (at, pa, how))

    def run(self, arg):
        m = Machine()
        for vm in chosen(arg):
            pm = vm["vm_map"]["vm_pmap"].dereference()
            print("  pmap: %d references, cpus %#x, asid %d, %d tables" % (
                deatom(pm["pm_refs"]), deatom(pm["pm_cpus"]),
                deatom(pm["pm_asid"]) & 0xffff, deatom(pm["pm_tables"])))
            self.walk(m, int(pm["pm_rootpa"]), m.levels - 1, 0)


class Probes(Verb):
    """probes [N]: the last N (20) probes that fired; <base/probe.h>."""
    name = "probes"

    def run(self, arg):
        ring, upto = value("probe_ring"), deatom(value("probe_next"))
        size = ring.type.range()[1] + 1
        n = min(int(arg, 0) if arg.strip() else 20, size, upto)
        for i in range(upto - n, upto):
            pe = ring[i % size]
            print("%12d ns  cpu%d %-16s %#x %#x %#x" % (deatom(pe["pe_time"]),
                deatom(pe["pe_cpu"]), pe["pe_name"].string(),
                *(deatom(pe["pe_arg"][k]) for k in range(3))))


for verb in (Probes, Procs, Maps, Amaps, Pages, Pmaps):
    verb()
