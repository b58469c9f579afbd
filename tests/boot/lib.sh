# lib.sh: what the scripts of tests/boot share.  Each runs from anywhere,
# boots vmspace by ./run, and returns 0 if it saw what it should.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
: "${B:=$top/build}" "${ARCH:=amd64}" "${DEBUG:=0}"
export B ARCH DEBUG
# shellcheck disable=SC2034 # used by the scripts
bin=$B/$ARCH
[ "$DEBUG" = 0 ] || bin=$bin-debug
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 143' HUP INT TERM

fail() {
	echo "${0##*/}: $*" >&2
	[ ! -s "$tmp/console" ] || sed 's/^/| /' "$tmp/console" | tail -n 40 >&2
	exit 1
}

# guest COMMAND: boot it; its status to $rc, its output to $tmp/out.  The
# kernel's own lines end with the one that tells the way out.
guest() {
	rc=0
	"$top/run" "$1" </dev/null >"$tmp/console" 2>"$tmp/stderr" || rc=$?
	tr -d '\r' <"$tmp/console" | sed '1,/Ctrl-A/d' >"$tmp/out"
	[ $rc -ne 254 ] || fail "the kernel panicked"
	[ $rc -ne 255 ] || fail "no status: $(cat "$tmp/stderr")"
}

# passes COMMAND: boot it and expect status 0.
passes() {
	guest "$1"
	[ $rc -eq 0 ] || fail "status $rc of: $1"
}

# Programs of tests/user, as /t in the guest.
progs() {
	make -s -C "$top" B="$B" ARCH="$ARCH" DEBUG="$DEBUG" progs >&2
	export ROOT="$bin/testroot"
}

# drives FILE...: in QEMUFLAGS, so that they are /dev/vda and so on.
drives() {
	QEMUFLAGS=
	_n=0
	for _f; do
		QEMUFLAGS="$QEMUFLAGS -drive if=none,id=d$_n,format=raw,file=$_f"
		case $ARCH in
		arm64) _bus=virtio-blk-device,bus=virtio-mmio-bus.$_n ;;
		*) _bus=virtio-blk-pci ;;
		esac
		QEMUFLAGS="$QEMUFLAGS -device $_bus,drive=d$_n"
		_n=$((_n + 1))
	done
	export QEMUFLAGS
}

# number NAME: the value after NAME in the output.
number() {
	sed -n "s/^$1[: ]*\([0-9][0-9]*\).*/\1/p" "$tmp/out" | tail -n 1
}

# same_memory [KIB]: $tmp/out says after "turn 1" and after "turn 2" how many
# objects each pool has ("pool NAME N") and what free(1) says, and both are the
# same.  But with a shell (KIB is not 0) for links of the reverse map and the arrays
# (kmem-512) that lead to them: how many it needs depends on whether it or its child
# wrote first after a fork (pmap_share.c), and they take up to three pages.
same_memory() {
	awk -v slack="${1:-12}" '$1 == "turn" { t = $2 }
	$1 == "Mem:" { check("used", $3, slack); check("free", $4, slack) }
	$1 == "pool" && $2 != "name" && (slack == 0 ||
	    ($2 != "pvchunk" && $2 != "kmem-512")) { check($2, $3, 0) }
	function check(what, n, may) {
		seen++
		if (t <= 1)
			first[what] = n
		else if (first[what] - n > may || n - first[what] > may) {
			print what ": " first[what] ", then " n
			bad = 1
		}
	}
	END {
		print "free:", first["free"]
		exit !(seen > 20 && first["free"] > 0 && !bad)
	}' "$tmp/out" || fail "not the same memory in use afterwards"
}
