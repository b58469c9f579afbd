#!/bin/sh
# usage: gensyscalls.sh header|table syscalls.tbl [arch]
#
# From the table of system calls to standard output: the prototypes of all
# handlers (header), or sysent[] for one machine (table).
set -eu

case ${1-} in
header)
	awk '
	BEGIN {
		print "/* Generated from kern/syscalls.tbl: do not edit. */"
		print "#ifndef KERN_SYSCALLS_H"
		print "#define KERN_SYSCALLS_H\n"
		print "#include <sys/types.h>\n"
	}
	/^#/ || NF < 4 || $3 == "-" { next }
	{ print "long sys_" $4 "(const uintptr_t *args);" }
	END { print "\n#endif" }' "$2"
	;;
table)
	awk -v arch="$3" '
	BEGIN {
		column = arch == "amd64" ? 1 : arch == "arm64" ? 2 : 0
		if (column == 0) {
			print "gensyscalls.sh: unknown machine " arch \
			    >"/dev/stderr"
			exit 1
		}
		print "/* Generated from kern/syscalls.tbl: do not edit. */"
		print "#include <kern/proc.h>"
		print "#include <kern/syscalls.h>"
		print "#include <fs/sysent.h>\n"
		print "const struct sysent sysent[] = {"
	}
	/^#/ || NF < 4 || $column == "-" { next }
	{
		fn = $3 == "-" ? "NULL" : "sys_" $4
		printf "\t[%d] = {%s, \"%s\"},\n", $column, fn, $4
	}
	END {
		print "};\n"
		print "const u_int nsysent = nitems(sysent);"
	}' "$2"
	;;
*)
	sed -n 's/^# usage: /usage: /p' "$0" >&2
	exit 2
	;;
esac
