# conflicts.awk: the script of two operations side by side, for vmsim.
#
#	rel=processes|threads a=OP b=OP
#	rel=growth a=OP b=CPUS
#
# In an operation's text @ is the number of its side, % its turn, BASE an
# address, ; the end of a line.  "all" is done once for each turn before.

function operation(name) {
	map = "map a 64 rw at BASE"
	setup = all = more = finish = before = ""
	body = "?"
	if (name == "write-fault") {
		setup = map; body = "write a+% 1"
	} else if (name == "read-fault") {
		setup = map; body = "read a+%"
	} else if (name == "cow") {
		setup = map; all = "write a+% 1"; body = "write a+% 2"
		before = "fork child@"; finish = "post 1@;wait"
		more = "child@: await 1@;exit 0"
	} else if (name == "mmap") {
		body = "map b 1 rw"
	} else if (name == "munmap") {
		setup = map; all = "write a+% 1"; body = "unmap a+% 1"
	} else if (name == "mprotect") {
		setup = map; all = "write a+% 1"; body = "protect a+% 1 r"
	} else if (name == "dontneed") {
		setup = map; all = "write a+% 1"
		body = "advise a+% 1 DONTNEED"
	} else if (name == "fork") {
		setup = map ";write a 1"; body = "fork child@;wait"
		more = "child@: exit 0"
	} else if (name == "vfork") {
		body = "vfork child@;wait"; more = "child@: exit 0"
	} else if (name == "exec") {
		body = "fork child@;wait"; more = "child@: exec leaf"
	} else {
		print "conflicts.awk: no operation " name >"/dev/stderr"
		exit 2
	}
}

function put(text, side, turn) {
	if (text == "")
		return
	gsub(/@/, side, text)
	gsub(/%/, turn, text)
	gsub(/BASE/, base[side], text)
	gsub(/;/, "\n", text)
	print text
}

# Setup and warming up, turns 1 to WARM; the watched ones follow.
function prepare(side, turns,  i) {
	put(setup, side, 0)
	for (i = 1; i <= WARM + turns; i++)
		put(all, side, i)
	put(before, side, 0)
	for (i = 1; i <= WARM; i++)
		put(body, side, i)
}

function watched(side, turns,  i) {
	print "watch 1"
	for (i = WARM + 1; i <= WARM + turns; i++)
		put(body, side, i)
	print "watch 0"
}

# One of a pair: side 0 prepares, then side 1, then 0 acts, then 1.
function actor(side, op, last) {
	operation(op)
	print "actor" side ": cpu " side
	if (side == 1)
		print "await 0"
	# What is kept per CPU is full of what memory needs, not just used up.
	put("map w 24 rw at BASE;touch w 24 w;unmap w 24", side, 0)
	prepare(side, 1)
	print "post " side "\nawait " (side == 0 ? 1 : 2)
	watched(side, 1)
	print "post " side + 2
	put(finish, side, 0)
	print "await 3"
	print last
	put(more, side, 0)
}

BEGIN {
	WARM = 8
	base[0] = "0x100000000"
	base[1] = "0x180000000"
	print "ram 64"
	if (rel == "growth") {
		operation(a)
		print "cpus " b "\nprogram main\ncpu 0\nset i 0"
		print "loop: if i = " b " done"
		print "fork side\nset i i+1b\ngoto loop"
		print "done: wait\nset i i+-1b\nif i != 0 done\nend"
		print "side: cpu i\nfork actor\nwait\nexit 0"
		print "actor: nop"
		prepare(0, WARM)
		print "ready " b
		watched(0, WARM)
		put(finish, 0, 0)
		print "exit 0"
		put(more, 0, 0)
	} else if (rel == "processes") {
		print "program main\ncpu 0\nfork side0\nfork side1\nwait\nwait"
		print "end"
		print "side0: cpu 0\nfork actor0\nwait\nexit 0"
		print "side1: cpu 1\nfork actor1\nwait\nexit 0"
		actor(0, a, "exit 0")
		actor(1, b, "exit 0")
	} else {
		print "program main\ncpu 0\nfork proc\nwait\nend"
		print "proc: thread actor1\ngoto actor0"
		actor(0, a, "await 4\nexit 0")
		actor(1, b, "post 4\nexitthread")
	}
	print "program leaf\nexit 0"
}
