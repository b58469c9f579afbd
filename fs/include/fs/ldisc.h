/*
 * ldisc.h: the line discipline: what stands between the keys of a terminal
 * and a program that reads lines.
 *
 * Pure: no locks, no sleep, no user memory; the caller serializes.  Input
 * goes in a byte at a time, what is to be echoed comes out through ld_out.
 * See termios(3) of Linux man-pages for what the flags mean.
 */
#ifndef FS_LDISC_H
#define FS_LDISC_H

#include <fs/abi.h>

#define LD_SIZE 4096u /* a power of two */

/*
 * The ring holds bytes with marks.  What lies between ld_head and ld_done may
 * be read; between ld_done and ld_tail is the line being edited, which is
 * empty unless ICANON is set.  The three only grow.
 */
struct ldisc {
	struct abi_termios ld_t;
	u_int ld_head, ld_done, ld_tail;
	u_int ld_col;      /* of the cursor */
	u_int ld_startcol; /* where the line being edited began */
	bool ld_lnext;     /* the next byte is taken as it is */
	uint16_t ld_ring[LD_SIZE];
	void (*ld_out)(struct ldisc *ld, const char *s, size_t len);
};
#define LD_DELIM 0x100u /* ends a line */
#define LD_EOF   0x200u /* ends a line and is no byte itself */

/* What ldisc_input() did: LD_OK, LD_FULL or a signal (>= 1) for the group. */
#define LD_OK   0
#define LD_FULL (-1) /* no room: give the byte again after a read */

/*
 * ldisc_init: canonical, echoing, with signals: what getty leaves.
 * ldisc_input: one byte from the keys.
 * ldisc_set: new modes; what was edited becomes readable without ICANON.
 * ldisc_flush: forget unread input.
 * ldisc_ready: bytes a read would get now; with ICANON only whole lines
 *	count, and an end of file alone counts as one.
 * ldisc_read: take at most len bytes, with ICANON of one line; *endp: its
 *	end was reached.
 * ldisc_write: output processing; everything goes to ld_out.
 */
void ldisc_init(struct ldisc *ld,
    void (*out)(struct ldisc *ld, const char *s, size_t len));
int ldisc_input(struct ldisc *ld, u_char c);
void ldisc_set(struct ldisc *ld, const struct abi_termios *t);
void ldisc_flush(struct ldisc *ld);
u_int ldisc_ready(const struct ldisc *ld);
size_t ldisc_read(struct ldisc *ld, char *buf, size_t len, bool *endp);
void ldisc_write(struct ldisc *ld, const char *s, size_t len);

#endif
