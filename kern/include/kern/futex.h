/*
 * futex.h: waiting on a word of user memory.
 *
 * A futex is found by what it is, not by where a process sees it: a word of
 * private memory by map and address, a word of a shared object by object and
 * offset.  Waiters hang on a hashed bucket under its spin lock.
 */
#ifndef KERN_FUTEX_H
#define KERN_FUTEX_H

#include <sys/types.h>

#define FUTEX_WAIT           0
#define FUTEX_WAKE           1
#define FUTEX_REQUEUE        3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP        5
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_CMD_MASK       127
#define FUTEX_BITSET_ANY     0xffffffffu

/* FUTEX_WAKE_OP: op 4 bits, comparison 4, their arguments 12 each. */
#define FUTEX_OP_ARG_SHIFT 0x80000000u
#define FUTEX_OP_SET       0
#define FUTEX_OP_ADD       1
#define FUTEX_OP_OR        2
#define FUTEX_OP_ANDN      3
#define FUTEX_OP_XOR       4
#define FUTEX_OP_CMP_EQ    0
#define FUTEX_OP_CMP_NE    1
#define FUTEX_OP_CMP_LT    2
#define FUTEX_OP_CMP_LE    3
#define FUTEX_OP_CMP_GT    4
#define FUTEX_OP_CMP_GE    5

/* One word of many to wait for. */
struct futex_want {
	vaddr_t ft_va;
	uint32_t ft_val;
	bool ft_priv;
};
#define NFUTEXV 128

/*
 * No lock held; va is 4-byte aligned or EINVAL.  priv: the caller promises
 * that no other process uses the word.
 *
 * futex_wait: sleep if the word is val.  0: woken; EAGAIN: it was not;
 *	ETIMEDOUT at deadline (md_time_ns(), 0: none); EINTR; EFAULT.
 * futex_waitv: the same for n words at once, NFUTEXV at most.  0: the last of
 *	them that was woken is want[*wokenp]; ENOMEM.
 * futex_wake: wake at most n whose bitset shares a bit; *countp how many.
 * futex_requeue: wake nwake, move at most nmove of the rest to va2; if cmp,
 *	only while the word is val: EAGAIN.
 */
void futex_boot(void);
int futex_wait(vaddr_t va, bool priv, uint32_t val, uint32_t bitset,
    uint64_t deadline);
int futex_waitv(const struct futex_want *want, u_int n, uint64_t deadline,
    u_int *wokenp);
int futex_wake(vaddr_t va, bool priv, u_int n, uint32_t bitset, u_int *countp);
int futex_requeue(vaddr_t va, vaddr_t va2, bool priv, u_int nwake, u_int nmove,
    bool cmp, uint32_t val, u_int *countp);

/*
 * futex_lwp_exit: step 0 of an exit (and of exec, whose old space goes): the
 *	robust list is walked, clear_child_tid is written and woken.  The
 *	caller still runs in the space.
 */
void futex_lwp_exit(void);

#endif
