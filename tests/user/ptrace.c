/*
 * ptrace.c: a debugger and what it debugs: stops, registers, memory, events,
 * and targets that die or exec meanwhile.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include "t.h"

#define EVENT(status) ((status) >> 16)

/* What a breakpoint is, in the first bytes of an instruction. */
#ifdef __aarch64__
#define BREAKPOINT 0xd4200000L
#define BREAKMASK  0xffffffffL
#else
#define BREAKPOINT 0xccL
#define BREAKMASK  0xffL
#endif

static char *self;
static volatile int flag;
static volatile long word = 0x1122334455667788;

static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) != pid)
		CHECK(errno == EINTR);
	return status;
}

static void
stopped(pid_t pid, int sig)
{
	int status = wait_for(pid);

	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == sig);
}

static long
request(int what, pid_t pid, long addr, long data)
{
	return ptrace((enum __ptrace_request)what, pid, (void *)addr,
	    (void *)data);
}

static void
resume(int what, pid_t pid, int sig)
{
	CHECK(request(what, pid, 0, sig) == 0);
}

/* A child that has called TRACEME and stopped. */
static pid_t
traced(void (*fn)(void))
{
	pid_t pid = fork();

	CHECK(pid != -1);
	if (pid == 0) {
		CHECK(request(PTRACE_TRACEME, 0, 0, 0) == 0);
		raise(SIGSTOP);
		fn();
		_exit(7);
	}
	stopped(pid, SIGSTOP);
	return pid;
}

static void
ends(pid_t pid, int want)
{
	CHECK(wait_for(pid) == want);
}

static void
nothing(void)
{
}

static void
memory(void)
{
	char *ro =
	    mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char path[64], buf[16];
	pid_t pid;
	int fd;

	CHECK(ro != MAP_FAILED);
	pid = traced(nothing);
	errno = 0;
	CHECK(request(PTRACE_PEEKDATA, pid, (long)&word, 0) == word);
	CHECK(request(PTRACE_POKEDATA, pid, (long)&word, 99) == 0);
	CHECK(request(PTRACE_PEEKTEXT, pid, (long)&word, 0) == 99);
	CHECK(word == 0x1122334455667788);
	/* Private and read-only: it gets a copy of its own. */
	CHECK(request(PTRACE_POKEDATA, pid, (long)ro, 0x41424344) == 0);
	CHECK(request(PTRACE_PEEKDATA, pid, (long)ro, 0) == 0x41424344);
	CHECK(ro[0] == 0);
	/* Text as well: how breakpoints are set. */
	CHECK(request(PTRACE_POKETEXT, pid, (long)nothing, BREAKPOINT) == 0);
	CHECK((request(PTRACE_PEEKTEXT, pid, (long)nothing, 0) & BREAKMASK) ==
	      BREAKPOINT);
	CHECK((*(volatile long *)nothing & BREAKMASK) != BREAKPOINT);
	FAILS(EIO, request(PTRACE_PEEKDATA, pid, 8, 0));
	FAILS(EIO, request(PTRACE_POKEDATA, pid, -8, 0));
	/* The same through /proc. */
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
	CHECK(pread(fd, buf, 4, (off_t)(uintptr_t)ro) == 4);
	CHECK(memcmp(buf, "DCBA", 4) == 0);
	CHECK(pwrite(fd, "wxyz", 4, (off_t)(uintptr_t)ro) == 4);
	CHECK(request(PTRACE_PEEKDATA, pid, (long)ro, 0) == 0x7a797877);
	FAILS(EIO, pread(fd, buf, 4, 8));
	/* The breakpoint is hit. */
	resume(PTRACE_CONT, pid, 0);
	stopped(pid, SIGTRAP);
	CHECK(request(PTRACE_KILL, pid, 0, 0) == 0);
	ends(pid, SIGKILL);
	CHECK(pread(fd, buf, 4, (off_t)(uintptr_t)ro) <= 0);
	close(fd);
	FAILS(ESRCH, request(PTRACE_PEEKDATA, pid, (long)&word, 0));
	CHECK(munmap(ro, PAGE) == 0);
}

#ifdef __x86_64__
static void
spin_flag(void)
{
	while (flag == 0)
		;
	_exit(flag);
}

static void
registers(void)
{
	struct user_regs_struct r, r2;
	struct user_fpregs_struct fp, fp2;
	struct iovec iov = {&r2, sizeof(r2)};
	pid_t pid = traced(nothing);

	CHECK(request(PTRACE_GETREGS, pid, 0, (long)&r) == 0);
	CHECK(r.cs == 0x33 && r.ss == 0x2b && r.rsp != 0);
	CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) == 0);
	CHECK(iov.iov_len == sizeof(r2) && r2.rip == r.rip);
	CHECK((unsigned long)request(PTRACE_PEEKUSER, pid,
		  offsetof(struct user, regs.rip), 0) == r.rip);
	FAILS(EIO, request(PTRACE_PEEKUSER, pid, 3, 0));
	r2.rbx = 0xabcdef;
	CHECK(ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) == 0);
	CHECK(request(PTRACE_GETREGS, pid, 0, (long)&r2) == 0);
	CHECK(r2.rbx == 0xabcdef && r2.rip == r.rip && r2.r12 == r.r12);
	r2.cs = 8;
	CHECK(request(PTRACE_SETREGS, pid, 0, (long)&r2) == -1);
	FAILS(EINVAL, ptrace(PTRACE_GETREGSET, pid, 0x7777, &iov));

	CHECK(request(PTRACE_GETFPREGS, pid, 0, (long)&fp) == 0);
	fp.xmm_space[3] = 0x1234;
	CHECK(request(PTRACE_SETFPREGS, pid, 0, (long)&fp) == 0);
	CHECK(request(PTRACE_GETFPREGS, pid, 0, (long)&fp2) == 0);
	CHECK(fp2.xmm_space[3] == 0x1234 && fp2.mxcsr == fp.mxcsr);

	/* Make it call a function: its stack as after a call. */
	r.rip = (unsigned long)spin_flag;
	r.rsp = ((r.rsp - 1024) & ~15UL) - 8;
	r.orig_rax = (unsigned long)-1;
	CHECK(request(PTRACE_SETREGS, pid, 0, (long)&r) == 0);
	CHECK(request(PTRACE_POKEDATA, pid, (long)&flag, 33) == 0);
	resume(PTRACE_CONT, pid, 0);
	ends(pid, 33 << 8);
}

static void
count_to_five(void)
{
	for (int i = 0; i < 5; i++)
		__asm__ volatile("nop");
	syscall(SYS_getppid);
}

static void
steps(void)
{
	struct user_regs_struct r;
	pid_t pid = traced(count_to_five);
	int status, nsteps = 0, inside = 0;
	siginfo_t si;

	for (;;) {
		resume(PTRACE_SINGLESTEP, pid, 0);
		status = wait_for(pid);
		if (!WIFSTOPPED(status))
			break;
		CHECK(WSTOPSIG(status) == SIGTRAP);
		CHECK(request(PTRACE_GETREGS, pid, 0, (long)&r) == 0);
		CHECK((r.eflags & 0x100) == 0);
		if (r.rip >= (unsigned long)count_to_five &&
		    r.rip < (unsigned long)steps)
			inside++;
		CHECK(++nsteps < 5000);
		if (nsteps == 1) {
			CHECK(
			    request(PTRACE_GETSIGINFO, pid, 0, (long)&si) == 0);
			CHECK(si.si_signo == SIGTRAP);
		}
	}
	CHECK(status == 7 << 8);
	CHECK(inside >= 10);
}

static void
two_calls(void)
{
	syscall(SYS_getppid);
	if (syscall(SYS_getuid) == 4242)
		_exit(8);
}

static void
calls(void)
{
	struct user_regs_struct r;
	pid_t pid = traced(two_calls);
	int status, n = 0;

	CHECK(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD) == 0);
	FAILS(EINVAL, request(PTRACE_SETOPTIONS, pid, 0, 0x40000000));
	for (;;) {
		resume(PTRACE_SYSCALL, pid, 0);
		status = wait_for(pid);
		if (!WIFSTOPPED(status))
			break;
		CHECK(WSTOPSIG(status) == (SIGTRAP | 0x80));
		n++;
		CHECK(request(PTRACE_GETREGS, pid, 0, (long)&r) == 0);
		if (r.orig_rax == SYS_getppid &&
		    r.rax == (unsigned long)-ENOSYS)
			continue;
		if (r.orig_rax == SYS_getppid)
			CHECK((pid_t)r.rax == getpid());
		/* On its way out, so that the lie stays. */
		if (r.orig_rax == SYS_getuid &&
		    r.rax != (unsigned long)-ENOSYS) {
			r.rax = 4242;
			CHECK(request(PTRACE_SETREGS, pid, 0, (long)&r) == 0);
		}
	}
	CHECK(status == 8 << 8);
	CHECK(n >= 5);
}

/* The debugger puts another call in the place of the one made. */
static void
one_call(void)
{
	_exit((int)syscall(SYS_getpid, 1, 2, 3) == getppid() ? 3 : 4);
}

static void
other_call(void)
{
	struct user_regs_struct r;
	pid_t pid = traced(one_call);
	int status;

	for (;;) {
		resume(PTRACE_SYSCALL, pid, 0);
		status = wait_for(pid);
		if (!WIFSTOPPED(status))
			break;
		CHECK(WSTOPSIG(status) == SIGTRAP);
		CHECK(request(PTRACE_GETREGS, pid, 0, (long)&r) == 0);
		if (r.orig_rax == SYS_getpid &&
		    r.rax == (unsigned long)-ENOSYS) {
			CHECK(r.rdi == 1 && r.rsi == 2 && r.rdx == 3);
			r.orig_rax = SYS_getppid;
			CHECK(request(PTRACE_SETREGS, pid, 0, (long)&r) == 0);
		}
	}
	CHECK(status == 3 << 8);
}
#endif

#ifdef __aarch64__
#ifndef NT_ARM_SYSTEM_CALL
#define NT_ARM_SYSTEM_CALL 0x404
#endif

static void
regs(int what, pid_t pid, struct user_regs_struct *r)
{
	struct iovec iov = {r, sizeof(*r)};

	CHECK(ptrace(what, pid, NT_PRSTATUS, &iov) == 0);
	CHECK(iov.iov_len == sizeof(*r));
}

/* The number of the call it is in, which can be changed. */
static int
callno(pid_t pid, int *new)
{
	int nr = -2;
	struct iovec iov = {&nr, sizeof(nr)};

	CHECK(ptrace(PTRACE_GETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov) == 0);
	if (new != NULL) {
		iov.iov_base = new;
		CHECK(ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov) ==
		      0);
	}
	return nr;
}

static void
count_to_five(void)
{
	for (int i = 0; i < 5; i++)
		__asm__ volatile("nop");
	syscall(SYS_getppid);
}

static void
registers(void)
{
	struct user_fpsimd_struct fp, fp2;
	struct iovec iov = {&fp, sizeof(fp)};
	struct user_regs_struct r, r2;
	pid_t pid = traced(nothing);

	regs(PTRACE_GETREGSET, pid, &r);
	CHECK(r.sp != 0 && (r.pstate & 0x1f) == 0);
	r2 = r;
	r2.regs[19] = 0xabcdef;
	regs(PTRACE_SETREGSET, pid, &r2);
	memset(&r2, 0, sizeof(r2));
	regs(PTRACE_GETREGSET, pid, &r2);
	CHECK(r2.regs[19] == 0xabcdef && r2.pc == r.pc);
	r2.pstate |= 5; /* EL1 */
	iov.iov_base = &r2;
	iov.iov_len = sizeof(r2);
	CHECK(ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) == -1);
	FAILS(EINVAL, ptrace(PTRACE_GETREGSET, pid, 0x7777, &iov));

	iov.iov_base = &fp;
	iov.iov_len = sizeof(fp);
	CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &iov) == 0);
	fp.vregs[3] = 0x1234;
	CHECK(ptrace(PTRACE_SETREGSET, pid, NT_PRFPREG, &iov) == 0);
	iov.iov_base = &fp2;
	CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &iov) == 0);
	CHECK(fp2.vregs[3] == 0x1234 && fp2.fpcr == fp.fpcr);
	CHECK(request(PTRACE_KILL, pid, 0, 0) == 0);
	ends(pid, SIGKILL);
}

static void
steps(void)
{
	struct user_regs_struct r;
	pid_t pid = traced(count_to_five);
	int status, nsteps = 0, inside = 0;

	for (;;) {
		resume(PTRACE_SINGLESTEP, pid, 0);
		status = wait_for(pid);
		if (!WIFSTOPPED(status))
			break;
		CHECK(WSTOPSIG(status) == SIGTRAP);
		regs(PTRACE_GETREGSET, pid, &r);
		CHECK((r.pstate & 1u << 21) == 0);
		if (r.pc >= (unsigned long)count_to_five &&
		    r.pc < (unsigned long)registers)
			inside++;
		CHECK(++nsteps < 5000);
	}
	CHECK(status == 7 << 8);
	CHECK(inside >= 10);
}

static void
two_calls(void)
{
	syscall(SYS_getppid);
	if (syscall(SYS_getuid) == 4242)
		_exit(8);
}

static void
calls(void)
{
	struct user_regs_struct r;
	pid_t pid = traced(two_calls);
	int status, n = 0, nuid = 0;

	CHECK(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD) == 0);
	for (;; n++) {
		resume(PTRACE_SYSCALL, pid, 0);
		status = wait_for(pid);
		if (!WIFSTOPPED(status))
			break;
		CHECK(WSTOPSIG(status) == (SIGTRAP | 0x80));
		regs(PTRACE_GETREGSET, pid, &r);
		/* On its way out, so that the lie stays. */
		if (r.regs[8] == SYS_getuid && ++nuid == 2) {
			r.regs[0] = 4242;
			regs(PTRACE_SETREGSET, pid, &r);
		}
	}
	CHECK(status == 8 << 8);
	CHECK(n >= 5);
}

/* The debugger puts another call in the place of the one made. */
static void
one_call(void)
{
	_exit((int)syscall(SYS_getpid, 1, 2, 3) == getppid() ? 3 : 4);
}

static void
other_call(void)
{
	struct user_regs_struct r;
	pid_t pid = traced(one_call);
	int status, other = SYS_getppid;

	for (;;) {
		resume(PTRACE_SYSCALL, pid, 0);
		status = wait_for(pid);
		if (!WIFSTOPPED(status))
			break;
		CHECK(WSTOPSIG(status) == SIGTRAP);
		regs(PTRACE_GETREGSET, pid, &r);
		if (callno(pid, NULL) == SYS_getpid && r.regs[0] == 1) {
			CHECK(r.regs[1] == 2 && r.regs[2] == 3);
			CHECK(callno(pid, &other) == SYS_getpid);
		}
	}
	CHECK(status == 3 << 8);
}
#endif

static void
handler(int sig)
{
	flag = sig;
}

static void
pause_forever(void)
{
	for (;;)
		pause();
}

static void
signal_loop(void)
{
	signal(SIGUSR1, handler);
	signal(SIGUSR2, handler);
	kill(getpid(), SIGUSR1);
	_exit(flag);
}

static void
signals(void)
{
	siginfo_t si;
	pid_t pid;

	/* Let through, dropped, exchanged. */
	for (int what = 0; what < 3; what++) {
		int give = what == 0 ? SIGUSR1 : what == 1 ? 0 : SIGUSR2;

		pid = traced(signal_loop);
		resume(PTRACE_CONT, pid, 0);
		stopped(pid, SIGUSR1);
		CHECK(request(PTRACE_GETSIGINFO, pid, 0, (long)&si) == 0);
		CHECK(si.si_signo == SIGUSR1 && si.si_pid == pid);
		resume(PTRACE_CONT, pid, give);
		ends(pid, give << 8);
	}
	/* Killed while it is stopped. */
	pid = traced(nothing);
	CHECK(kill(pid, SIGKILL) == 0);
	ends(pid, SIGKILL);
	/* An ignored signal stops it all the same; a deadly one does not. */
	pid = traced(pause_forever);
	resume(PTRACE_CONT, pid, 0);
	CHECK(kill(pid, SIGWINCH) == 0);
	stopped(pid, SIGWINCH);
	FAILS(EIO, request(PTRACE_CONT, pid, 0, 1000));
	resume(PTRACE_CONT, pid, SIGTERM);
	ends(pid, SIGTERM);
}

static void
attach(void)
{
	int status, p[2];
	siginfo_t si;
	pid_t pid;

	CHECK(pipe(p) == 0);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		char c;

		/* Interrupted by the attach, and made again. */
		CHECK(read(p[0], &c, 1) == 1 && c == 'x');
		_exit(5);
	}
	FAILS(ESRCH, request(PTRACE_CONT, pid, 0, 0));
	CHECK(request(PTRACE_ATTACH, pid, 0, 0) == 0);
	stopped(pid, SIGSTOP);
	FAILS(EPERM, request(PTRACE_ATTACH, pid, 0, 0));
	FAILS(EPERM, request(PTRACE_ATTACH, getpid(), 0, 0));
	CHECK(request(PTRACE_DETACH, pid, 0, 0) == 0);
	FAILS(ESRCH, request(PTRACE_CONT, pid, 0, 0));

	FAILS(EIO, request(PTRACE_SEIZE, pid, 1, 0));
	CHECK(request(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) == 0);
	FAILS(ESRCH, request(PTRACE_CONT, pid, 0, 0)); /* not stopped */
	CHECK(request(PTRACE_INTERRUPT, pid, 0, 0) == 0);
	status = wait_for(pid);
	CHECK(WIFSTOPPED(status) && EVENT(status) == PTRACE_EVENT_STOP);
	/* Job control reaches it, and it listens for the end of that. */
	resume(PTRACE_CONT, pid, 0);
	CHECK(kill(pid, SIGSTOP) == 0);
	stopped(pid, SIGSTOP);
	resume(PTRACE_CONT, pid, SIGSTOP);
	status = wait_for(pid);
	CHECK(WSTOPSIG(status) == SIGSTOP);
	CHECK(EVENT(status) == PTRACE_EVENT_STOP);
	CHECK(request(PTRACE_LISTEN, pid, 0, 0) == 0);
	FAILS(ESRCH, request(PTRACE_CONT, pid, 0, 0));
	CHECK(kill(pid, SIGCONT) == 0);
	status = wait_for(pid);
	CHECK(WSTOPSIG(status) == SIGTRAP);
	CHECK(EVENT(status) == PTRACE_EVENT_STOP);
	resume(PTRACE_CONT, pid, 0);
	stopped(pid, SIGCONT);
	resume(PTRACE_CONT, pid, 0);
	CHECK(write(p[1], "x", 1) == 1);
	memset(&si, 0, sizeof(si));
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED) == 0);
	CHECK(si.si_code == CLD_EXITED && si.si_status == 5);
	close(p[0]);
	close(p[1]);
}

static void
event_stop(pid_t pid, int sig)
{
	int status = wait_for(pid);

	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == sig);
	CHECK(EVENT(status) == PTRACE_EVENT_STOP);
}

/* How strace starts: no order of SIGCONT and PTRACE_LISTEN loses the news. */
static void
news(void)
{
	int status;
	pid_t pid;

	for (int what = 0; what < 3; what++) {
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			raise(SIGSTOP);
			_exit(5);
		}
		CHECK(waitpid(pid, &status, WUNTRACED) == pid);
		CHECK(WIFSTOPPED(status));
		CHECK(request(PTRACE_SEIZE, pid, 0, 0) == 0);
		event_stop(pid, SIGSTOP);
		if (what == 0) { /* before it listens */
			CHECK(kill(pid, SIGCONT) == 0);
			CHECK(request(PTRACE_LISTEN, pid, 0, 0) == 0);
			event_stop(pid, SIGTRAP);
		} else if (what == 1) { /* after */
			CHECK(request(PTRACE_LISTEN, pid, 0, 0) == 0);
			CHECK(kill(pid, SIGCONT) == 0);
			event_stop(pid, SIGTRAP);
		} else { /* interrupted when it is stopped already */
			CHECK(request(PTRACE_LISTEN, pid, 0, 0) == 0);
			CHECK(request(PTRACE_INTERRUPT, pid, 0, 0) == 0);
			event_stop(pid, SIGSTOP);
			CHECK(request(PTRACE_INTERRUPT, pid, 0, 0) == 0);
			resume(PTRACE_CONT, pid, 0);
			event_stop(pid, SIGSTOP);
			CHECK(kill(pid, SIGCONT) == 0);
			resume(PTRACE_CONT, pid, 0);
			event_stop(pid, SIGTRAP);
		}
		resume(PTRACE_CONT, pid, 0);
		stopped(pid, SIGCONT);
		/* One that runs hears of it as well. */
		CHECK(kill(pid, SIGCONT) == 0);
		resume(PTRACE_CONT, pid, 0);
		event_stop(pid, SIGTRAP);
		resume(PTRACE_CONT, pid, 0);
		stopped(pid, SIGCONT);
		resume(PTRACE_CONT, pid, 0);
		ends(pid, 5 << 8);
	}
	/* Killed when it ought to stop: it does not. */
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0)
		pause_forever();
	CHECK(request(PTRACE_SEIZE, pid, 0, 0) == 0);
	CHECK(request(PTRACE_INTERRUPT, pid, 0, 0) == 0);
	event_stop(pid, SIGTRAP);
	CHECK(request(PTRACE_INTERRUPT, pid, 0, 0) == 0);
	CHECK(kill(pid, SIGKILL) == 0);
	ends(pid, SIGKILL);
}

static void
forker(void)
{
	char *argv[] = {"ptrace", "exit", NULL}, *env[] = {NULL};
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0)
		_exit(1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 1 << 8);
	pid = vfork();
	if (pid == 0)
		_exit(2);
	CHECK(waitpid(pid, &status, 0) == pid && status == 2 << 8);
	execve(self, argv, env);
	_exit(99);
}

static void
events(void)
{
	unsigned long msg;
	int status, seen = 0, nkids = 0, kids = 0;
	pid_t pid, first;

	first = traced(forker);
	CHECK(request(PTRACE_SETOPTIONS, first, 0,
		  PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		      PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |
		      PTRACE_O_TRACEVFORKDONE | PTRACE_O_EXITKILL) == 0);
	resume(PTRACE_CONT, first, 0);
	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		CHECK(pid > 0);
		if (!WIFSTOPPED(status)) {
			if (pid == first)
				break;
			kids++;
			continue;
		}
		if (EVENT(status) != 0) {
			CHECK(WSTOPSIG(status) == SIGTRAP);
			CHECK(request(PTRACE_GETEVENTMSG, pid, 0, (long)&msg) ==
			      0);
			seen |= 1 << EVENT(status);
			if (EVENT(status) == PTRACE_EVENT_FORK ||
			    EVENT(status) == PTRACE_EVENT_VFORK)
				nkids++;
			if (EVENT(status) == PTRACE_EVENT_EXEC)
				CHECK(pid == first && (pid_t)msg == first);
			if (EVENT(status) == PTRACE_EVENT_EXIT && pid == first)
				CHECK(msg == 21 << 8);
			resume(PTRACE_CONT, pid, 0);
			continue;
		}
		resume(PTRACE_CONT, pid,
		    WSTOPSIG(status) == SIGSTOP ? 0 : WSTOPSIG(status));
	}
	CHECK(status == 21 << 8);
	CHECK(nkids == 2 && kids == 2);
	CHECK(seen ==
	      (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
		  PTRACE_O_TRACEEXIT | PTRACE_O_TRACEVFORKDONE));
	FAILS(ECHILD, waitpid(-1, &status, __WALL));
}

static void *
thread(void *arg)
{
	flag++;
	return arg;
}

static void
threader(void)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, thread, NULL) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	_exit(11);
}

static void
threads(void)
{
	int status, clones = 0, gone = 0;
	pid_t pid, first;

	first = traced(threader);
	CHECK(request(PTRACE_SETOPTIONS, first, 0, PTRACE_O_TRACECLONE) == 0);
	resume(PTRACE_CONT, first, 0);
	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		CHECK(pid > 0);
		if (!WIFSTOPPED(status)) {
			if (pid == first)
				break;
			gone++;
			continue;
		}
		if (EVENT(status) == PTRACE_EVENT_CLONE)
			clones++;
		resume(PTRACE_CONT, pid, 0);
	}
	CHECK(status == 11 << 8);
	CHECK(clones == 3 && gone == 3);
}

/* The debugger goes away: its tracees run on, or die with it. */
static void
debugger_dies(void)
{
	for (int kill_them = 0; kill_them < 2; kill_them++) {
		int p[2], q[2];
		pid_t pid, dbg;
		char c;

		CHECK(pipe(p) == 0 && pipe(q) == 0);
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			CHECK(read(p[0], &c, 1) == 1);
			_exit(6);
		}
		dbg = fork();
		CHECK(dbg != -1);
		if (dbg == 0) {
			CHECK(request(PTRACE_SEIZE, pid, 0,
				  kill_them ? PTRACE_O_EXITKILL : 0) == 0);
			CHECK(request(PTRACE_INTERRUPT, pid, 0, 0) == 0);
			CHECK(WIFSTOPPED(wait_for(pid)));
			_exit(0);
		}
		ends(dbg, 0);
		if (!kill_them)
			CHECK(write(p[1], "x", 1) == 1);
		ends(pid, kill_them ? SIGKILL : 6 << 8);
		close(p[0]);
		close(p[1]);
		close(q[0]);
		close(q[1]);
	}
}

/*
 * Looked at and written while it exits and execs, over and over.
 * LIFECYCLE 89 holds kern/sys_ptrace.c:trace_word because an emptied space answers EFAULT; a process without one is, as on Linux, no such process (ESRCH) or an empty file
 */
static void
dying(void)
{
	char path[64], buf[64], *argv[] = {"ptrace", "exit", NULL};
	struct iovec lv = {buf, sizeof(buf)}, rv = {(void *)&word, 8};
	char *env[] = {NULL};
	pid_t pid;
	int fd;

	for (int i = 0; i < 60; i++) {
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			if (i % 2 == 0)
				execve(self, argv, env);
			_exit(21);
		}
		snprintf(path, sizeof(path), "/proc/%d/mem", pid);
		fd = open(path, O_RDWR);
		for (int k = 0; k < 40; k++) {
			ssize_t n = process_vm_readv(pid, &lv, 1, &rv, 1, 0);

			CHECK(n == 8 || errno == ESRCH || errno == EFAULT);
			if (fd >= 0) {
				n = pread(fd, buf, 8, (off_t)(uintptr_t)&word);
				CHECK(n == 8 || n == 0 || errno == EIO ||
				      errno == EBUSY);
				n = pwrite(fd, buf, n == 8 ? 8 : 0,
				    (off_t)(uintptr_t)&word);
				CHECK(n >= 0 || errno == EIO || errno == EBUSY);
			}
		}
		if (fd >= 0)
			close(fd);
		if (i % 3 == 0 && request(PTRACE_ATTACH, pid, 0, 0) == 0) {
			int status = wait_for(pid);

			while (WIFSTOPPED(status)) {
				(void)request(PTRACE_CONT, pid, 0, 0);
				status = wait_for(pid);
			}
			CHECK(status == 21 << 8);
		} else
			ends(pid, 21 << 8);
	}
}

/*
 * Another user's process, and one of ours that is not to be read.
 * LIFECYCLE 90 holds kern/proc.c:proc_vmspace mutant 62
 */
static void
refused(pid_t pid)
{
	static const char *const name[] = {"mem", "environ", "maps"};
	char path[64], c;
	int fd;

	FAILS(EPERM, request(PTRACE_ATTACH, pid, 0, 0));
	FAILS(EPERM, request(PTRACE_SEIZE, pid, 0, 0));
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, name[i]);
		fd = open(path, O_RDONLY);
		CHECK(fd >= 0 || errno == EACCES);
		if (fd >= 0)
			FAILS(EACCES, read(fd, &c, 1));
	}
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && read(fd, &c, 1) == 1);
}

static void
permission(void)
{
	pid_t pid[2], other;
	int p[2], status;
	char c;

	if (getuid() != 0)
		return;
	CHECK(pipe(p) == 0);
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		CHECK(pid[i] != -1);
		if (pid[i] != 0)
			continue;
		if (i == 1) {
			CHECK(syscall(SYS_setresuid, 1234, 1234, 1234) == 0);
			CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
		}
		CHECK(write(p[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	CHECK(read(p[0], &c, 1) == 1 && read(p[0], &c, 1) == 1);
	other = fork();
	CHECK(other != -1);
	if (other == 0) {
		CHECK(syscall(SYS_setresuid, 1234, 1234, 1234) == 0);
		CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
		refused(pid[0]);
		refused(pid[1]);
		_exit(0);
	}
	CHECK(waitpid(other, &status, 0) == other && status == 0);
	for (int i = 0; i < 2; i++) {
		CHECK(kill(pid[i], SIGKILL) == 0);
		CHECK(waitpid(pid[i], &status, 0) == pid[i]);
	}
	close(p[0]);
	close(p[1]);
}

/* A set-id program gives a user's debugger no more rights than he has. */
static void
set_id(void)
{
	char *argv[] = {"ptrace", "uid", NULL}, *env[] = {NULL};
	char copy[] = "/tmp/ptrace.suid", buf[65536];
	int in, out, status;
	ssize_t n;
	pid_t pid;

	if (getuid() != 0)
		return;
	in = open(self, O_RDONLY);
	out = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK(write(out, buf, (size_t)n) == n);
	CHECK(fchmod(out, 04755) == 0);
	close(in);
	close(out);
	for (int debugged = 0; debugged < 2; debugged++) {
		pid_t dbg = fork();

		CHECK(dbg != -1);
		if (dbg != 0) {
			ends(dbg, 0);
			continue;
		}
		CHECK(syscall(SYS_setresuid, 1234, 1234, 1234) == 0);
		pid = fork();
		CHECK(pid != -1);
		if (pid == 0) {
			if (debugged)
				CHECK(request(PTRACE_TRACEME, 0, 0, 0) == 0);
			execve(copy, argv, env);
			_exit(99);
		}
		if (debugged) {
			stopped(pid, SIGTRAP);
			resume(PTRACE_CONT, pid, 0);
		}
		status = wait_for(pid);
		/* 1: it is root.  A mount may refuse set-id to all. */
		CHECK(status == 0 || (!debugged && status == 1 << 8));
		_exit(0);
	}
	CHECK(unlink(copy) == 0);
}

int
main(int argc, char **argv)
{
	self = argv[0];
	if (argc > 1 && strcmp(argv[1], "uid") == 0)
		return geteuid() == 0;
	if (argc > 1)
		return 21;
	FAILS(ESRCH, request(PTRACE_CONT, 999999, 0, 0));
	FAILS(ESRCH, request(PTRACE_ATTACH, 999999, 0, 0));
	memory();
	registers();
	steps();
	calls();
	other_call();
	signals();
	attach();
	news();
	events();
	threads();
	debugger_dies();
	dying();
	permission();
	set_id();
	return 0;
}
