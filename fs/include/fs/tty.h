/*
 * tty.h: terminals: the console, and pseudo-terminals (pty.c), of which a
 * program is the other end.
 *
 * Sleepers: readers on tt_ld, who gives it bytes and finds no room on
 * tt_session, readers of a master on tt_pty, who writes to one whose buffer
 * is full on tt_size.
 *
 * Protection:
 *	I	constant
 *	l	tt_lock
 *	T	the process tree lock
 */
#ifndef FS_TTY_H
#define FS_TTY_H

#include <fs/file.h>
#include <fs/ldisc.h>

struct tty {
	struct mutex tt_lock;       /* RANK_VNODE */
	struct ldisc tt_ld;         /* [l] */
	struct abi_winsize tt_size; /* [l] */
	pid_t tt_session;           /* [T] whose terminal it is; 0: nobody's */
	pid_t tt_pgrp;              /* [T] foreground group */
	dev_t tt_dev;               /* [I] */
	struct pty *tt_pty;         /* [I] NULL: the console */
};

/*
 * Of the file f, whose f_data is a struct tty; the programs' side.  As
 * struct fileops has it.
 */
int tty_read(struct file *f, struct uio *uio);
int tty_write(struct file *f, struct uio *uio);
u_int tty_poll(struct file *f);
long tty_ioctl(struct file *f, u_long cmd, uintptr_t arg);

/*
 * tty_bytes: input, through the line discipline, up to the first byte that
 *	asks for a signal, which goes to *sigp (or 0); how many were taken.
 *	wait: for room, until the caller has a signal.
 * tty_signal: sig to the foreground group.
 * tty_command: an ioctl that both sides of a pseudo-terminal know; -ENOTTY.
 * tty_autoacquire: the caller has opened it without O_NOCTTY.
 * tty_hangup: its session has no terminal any more, and is told.
 * All without locks.
 */
size_t tty_bytes(struct tty *tp, const u_char *s, size_t len, bool wait,
    int *sigp);
void tty_signal(struct tty *tp, int sig);
long tty_command(struct tty *tp, u_long cmd, uintptr_t arg);
void tty_autoacquire(struct tty *tp);
void tty_hangup(struct tty *tp);

/*
 * pty_room: how much fits into what the master reads, in bytes as a program
 *	writes them; with tt_lock held, waits until it is some.  EAGAIN, EIO
 *	(nobody is there any more), ERESTARTSYS.
 * pty_gone: the master is closed.  tt_lock held.
 */
int pty_room(struct tty *tp, struct file *f, size_t *lenp);
bool pty_gone(const struct tty *tp);
/* Whether a write would find room.  tt_lock held. */
bool pty_writable(const struct tty *tp);
/*
 * Open /dev/ptmx, or pseudo-terminal i, as the terminal of the session if ctty
 * and it has none.  ENOSPC, ENOMEM, EIO.
 */
int ptmx_open(struct file *f);
int pts_open(struct file *f, u_int i, bool ctty);
/* Open the side that programs see once more, for /dev/tty.  EIO. */
int pts_reopen(struct tty *tp, struct file *f);

#endif
