/*
 * sys_futex.c: futex() and the robust list.
 */
#include <kern/syscalls.h>
#include <sys/errno.h>
#include <phys/kmem.h>
#include <port/machdep.h>
#include <kern/futex.h>
#include <kern/proc.h>
#include <kern/time.h>

/*
 * The deadline of a wait: relative for WAIT, absolute for WAIT_BITSET, there
 * by the time of day if so flagged.  0: none.
 */
static int
futex_deadline(vaddr_t from, u_int op, uint64_t *deadline)
{
	struct abi_timespec ts;
	uint64_t ns, now = md_time_ns(), real;

	*deadline = 0;
	if (from == 0)
		return 0;
	if (copyin(from, &ts, sizeof(ts)) != 0)
		return EFAULT;
	if (time_from_timespec(&ts, &ns) != 0)
		return EINVAL;
	if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT)
		*deadline =
		    ns > UINT64_MAX - 1 - now ? UINT64_MAX - 1 : now + ns;
	else if (op & FUTEX_CLOCK_REALTIME) {
		real = time_real();
		*deadline = ns > real ? now + (ns - real) : now;
	} else
		*deadline = ns;
	if (*deadline == 0)
		*deadline = 1;
	return 0;
}

static long
do_wait(const uintptr_t *args, u_int op, uint32_t bitset)
{
	uint64_t deadline;
	int error;

	if (bitset == 0)
		return -EINVAL;
	error = futex_deadline(args[3], op, &deadline);
	if (error == 0)
		error = futex_wait(args[0], (op & FUTEX_PRIVATE_FLAG) != 0,
		    (uint32_t)args[2], bitset, deadline);
	/* A wait until a point in time is the same wait when made again. */
	if (error == EINTR &&
	    (args[3] == 0 || (op & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET))
		return -ERESTARTSYS;
	return -error;
}

/* What FUTEX_WAKE_OP makes of old; ENOSYS. */
static int
wake_op_new(uint32_t code, uint32_t old, uint32_t *new)
{
	int32_t arg = (int32_t)(code << 8) >> 20; /* 12 bits, signed */

	if (code & FUTEX_OP_ARG_SHIFT)
		arg = (int32_t)(1u << (arg & 31));
	switch (code >> 28 & 7) {
	case FUTEX_OP_SET:
		*new = (uint32_t)arg;
		return 0;
	case FUTEX_OP_ADD:
		*new = old + (uint32_t)arg;
		return 0;
	case FUTEX_OP_OR:
		*new = old | (uint32_t)arg;
		return 0;
	case FUTEX_OP_ANDN:
		*new = old & ~(uint32_t)arg;
		return 0;
	case FUTEX_OP_XOR:
		*new = old ^ (uint32_t)arg;
		return 0;
	default:
		return ENOSYS;
	}
}

/* And whether old is such that the second word's waiters wake; ENOSYS. */
static int
wake_op_cmp(uint32_t code, uint32_t old, bool *yes)
{
	int32_t arg = (int32_t)(code << 20) >> 20, v = (int32_t)old;

	switch (code >> 24 & 15) {
	case FUTEX_OP_CMP_EQ:
		*yes = v == arg;
		return 0;
	case FUTEX_OP_CMP_NE:
		*yes = v != arg;
		return 0;
	case FUTEX_OP_CMP_LT:
		*yes = v < arg;
		return 0;
	case FUTEX_OP_CMP_LE:
		*yes = v <= arg;
		return 0;
	case FUTEX_OP_CMP_GT:
		*yes = v > arg;
		return 0;
	case FUTEX_OP_CMP_GE:
		*yes = v >= arg;
		return 0;
	default:
		return ENOSYS;
	}
}

/*
 * FUTEX_WAKE_OP: change the second word, wake waiters on the first, and on
 * the second if what it was compares so.
 */
static int
do_wake_op(const uintptr_t *args, bool priv, u_int *np)
{
	vaddr_t va2 = args[4];
	uint32_t code = (uint32_t)args[5], old, new, was;
	u_int n;
	bool second;
	int error;

	if (va2 % sizeof(old) != 0)
		return EINVAL;
	for (error = md_fetch32(va2, &old); error == 0; old = was) {
		error = wake_op_new(code, old, &new);
		if (error == 0)
			error = md_cas32(va2, old, new, &was);
		if (error == 0 && was == old)
			break;
		if (error == 0 && sig_killed())
			error = EINTR;
	}
	if (error == 0)
		error = wake_op_cmp(code, old, &second);
	if (error == 0)
		error = futex_wake(args[0], priv, MAX((u_int)args[2], 1),
		    FUTEX_BITSET_ANY, np);
	if (error != 0 || !second)
		return error;
	error =
	    futex_wake(va2, priv, MAX((u_int)args[3], 1), FUTEX_BITSET_ANY, &n);
	*np += n;
	return error;
}

/* futex(word, op, val, timeout or val2, word2, val3) */
long
sys_futex(const uintptr_t *args)
{
	u_int op = (u_int)args[1], cmd = op & FUTEX_CMD_MASK, n = 0;
	bool priv = (op & FUTEX_PRIVATE_FLAG) != 0;
	int error;

	if ((op & ~(FUTEX_CMD_MASK | FUTEX_PRIVATE_FLAG |
		      FUTEX_CLOCK_REALTIME)) != 0)
		return -ENOSYS;
	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
		return do_wait(args, op, FUTEX_BITSET_ANY);
	case FUTEX_WAIT_BITSET:
		return do_wait(args, op, (uint32_t)args[5]);
	case FUTEX_WAKE:
		/* At least one is woken, whatever is asked for, as on Linux. */
		error = futex_wake(args[0], priv, MAX((u_int)args[2], 1),
		    FUTEX_BITSET_ANY, &n);
		break;
	case FUTEX_WAKE_BITSET:
		if ((uint32_t)args[5] == 0)
			return -EINVAL;
		error = futex_wake(args[0], priv, MAX((u_int)args[2], 1),
		    (uint32_t)args[5], &n);
		break;
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		if ((int)args[2] < 0 || (int)args[3] < 0)
			return -EINVAL;
		error = futex_requeue(args[0], args[4], priv, (u_int)args[2],
		    (u_int)args[3], cmd == FUTEX_CMP_REQUEUE, (uint32_t)args[5],
		    &n);
		break;
	case FUTEX_WAKE_OP:
		error = do_wake_op(args, priv, &n);
		break;
	default:
		return -ENOSYS;
	}
	return error != 0 ? -error : (long)n;
}

/* One of futex_waitv()'s; only words of 32 bits are futexes, on Linux too. */
#define FUTEX2_SIZE_U32 2u

struct abi_futex_waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

/* What the program's n pieces at from say; EINVAL, EFAULT. */
static int
get_wants(vaddr_t from, u_int n, struct futex_want *want)
{
	struct abi_futex_waitv v;
	u_int i;

	for (i = 0; i < n; i++) {
		if (copyin(from + i * sizeof(v), &v, sizeof(v)) != 0)
			return EFAULT;
		if ((v.flags & ~FUTEX_PRIVATE_FLAG) != FUTEX2_SIZE_U32 ||
		    v.reserved != 0 || v.val > UINT32_MAX)
			return EINVAL;
		want[i].ft_va = v.uaddr;
		want[i].ft_val = (uint32_t)v.val;
		want[i].ft_priv = (v.flags & FUTEX_PRIVATE_FLAG) != 0;
	}
	return 0;
}

/*
 * futex_waitv(pieces, n, flags, timeout, clock): which of them was woken.  The
 * timeout is a point in time.
 */
long
sys_futex_waitv(const uintptr_t *args)
{
	u_int n = (u_int)args[1], op = FUTEX_WAIT_BITSET, woken;
	int clock = (int)args[4];
	struct futex_want *want;
	uint64_t deadline;
	int error;

	if ((u_int)args[2] != 0 || n == 0 || n > NFUTEXV || args[0] == 0)
		return -EINVAL;
	if (args[3] != 0 && clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return -EINVAL;
	if (clock == CLOCK_REALTIME)
		op |= FUTEX_CLOCK_REALTIME;
	error = futex_deadline(args[3], op, &deadline);
	if (error != 0)
		return -error;
	want = kmem_alloc(n * sizeof(*want), 0);
	if (want == NULL)
		return -ENOMEM;
	error = get_wants(args[0], n, want);
	if (error == 0)
		error = futex_waitv(want, n, deadline, &woken);
	kmem_free(want, n * sizeof(*want));
	if (error == EINTR)
		return -ERESTARTSYS;
	return error != 0 ? -error : (long)woken;
}

#define ROBUST_HEAD_SIZE 24

long
sys_set_robust_list(const uintptr_t *args)
{
	if (args[1] != ROBUST_HEAD_SIZE)
		return -EINVAL;
	curlwp()->l_robust = args[0];
	return 0;
}

/* get_robust_list(tid, head, len) */
long
sys_get_robust_list(const uintptr_t *args)
{
	pid_t tid = (pid_t)args[0];
	const uint64_t size = ROBUST_HEAD_SIZE;
	struct lwp *l;
	vaddr_t head = 0;
	int error = 0;

	mutex_enter(&proctree_lock);
	l = tid == 0 ? curlwp() : lwp_find(tid);
	if (l == NULL)
		error = ESRCH;
	else if (!cred_can_trace(l->l_proc))
		error = EPERM;
	else
		head = l->l_robust;
	mutex_exit(&proctree_lock);
	if (error == 0)
		error = copyout(&size, args[2], sizeof(size));
	if (error == 0)
		error = copyout(&head, args[1], sizeof(head));
	return -error;
}
