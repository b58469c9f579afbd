# ksyms.awk: from "nm -n" of an image, the table that md_backtrace() looks into.
#
#	nm -n vmspace.1 | awk -f ksyms.awk > ksyms_data.S
#
# The table goes behind the constants, so that linking once more with it moves
# no text.  Addresses are printed less KERNBASE: all begin with ffffffff8.

BEGIN {
	n = off = 0
}

$2 ~ /^[Tt]$/ && $1 ~ /^ffffffff8/ && $3 !~ /^\./ {
	if ($1 == last)
		next
	last = $1
	addr[n] = "0x0" substr($1, 10)
	name[n++] = $3
}

END {
	print "\t.section .ksyms, \"a\", @progbits"
	print "\t.globl\tmd_ksyms, md_nksyms, md_ksymstr"
	print "\t.balign\t4"
	print "md_nksyms:\t.long\t" n
	print "md_ksyms:"
	for (i = 0; i < n; i++) {
		print "\t.long\t" addr[i] ", " off
		off += length(name[i]) + 1
	}
	print "md_ksymstr:"
	for (i = 0; i < n; i++)
		print "\t.asciz\t\"" name[i] "\""
	print "\t.section .note.GNU-stack, \"\", @progbits"
}
