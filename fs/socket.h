/*
 * socket.h: what socket.c and sockname.c share: what a local socket is.
 *
 * Protection:
 *	I	constant
 *	a	C11 atomic
 *	c	written before so_state says SO_CONNECTED, constant from then on
 *	n	sock_lock
 */
#ifndef FS_SOCKET_H
#define FS_SOCKET_H

#include <fs/file.h>

struct line;

/* An address: a path, or bytes behind a NUL that no file system knows. */
#define SOCKNAME_MAX 108u
struct sockname {
	uint16_t sn_family;
	char sn_path[SOCKNAME_MAX];
	u_int sn_len; /* bytes, with the family */
};
#define SOCKNAME_NONE sizeof(uint16_t) /* length of what has no name */

struct sockcred {
	int32_t sc_pid;
	uid_t sc_uid;
	gid_t sc_gid;
};

struct sock;
TAILQ_HEAD(sockq, sock);

enum sock_state { SO_IDLE, SO_CONNECTING, SO_LISTENING, SO_CONNECTED };

struct sock {
	struct file *so_in;                /* [c] referenced, or NULL */
	struct file *so_out;               /* [c] */
	struct line *so_rx;                /* [c] */
	struct line *so_tx;                /* [c] */
	_Atomic(u_int) so_shut;            /* [a] SHUT_IN, SHUT_OUT */
	_Atomic(enum sock_state) so_state; /* [a] changed under sock_lock */
	struct sockcred so_cred;           /* [c] who is on the other side */
	struct sockname so_name;           /* [n] */
	struct sockname so_peer;           /* [c] */
	struct vnode *so_vnode;            /* [n] bound to it, referenced */
	bool so_listed;                    /* [n] found by so_name */
	LIST_ENTRY(sock) so_bound;         /* [n] if so_listed */
	struct sockq so_waiting;           /* [n] wait for accept */
	u_int so_nwaiting;                 /* [n] */
	u_int so_backlog;                  /* [n] */
	TAILQ_ENTRY(sock) so_link;         /* [n] in so_waiting */
	struct file *so_file;              /* [n] referenced, while it waits */
};

static inline enum sock_state
sock_state(const struct sock *so)
{
	return atomic_load_explicit(&so->so_state, memory_order_acquire);
}

/*
 * sock_file: fd as a socket; the file is referenced.  EBADF, ENOTSOCK.
 * sock_new: a socket file with the ends and lines of like, which it takes over,
 *	also on failure.  ENOMEM.
 * sock_ends: a and b become two sides of a connection, with nothing else in
 *	them set.  ENOMEM.
 * sock_ends_rele: give back what sock_ends() made for one side; nothing when it
 *	has none.
 * sock_me: the caller, as the other side sees it.
 */
int sock_file(int fd, struct file **fp);
int sock_new(const struct sock *like, u_int flags, struct file **fp);
int sock_ends(struct sock *a, struct sock *b);
void sock_ends_rele(const struct sock *so);
struct sockcred sock_me(void);

/*
 * sock_acceptable: somebody waits for accept().  Takes sock_lock.
 * sock_unbind: so goes: its name is free, who waited is let go.  No lock.
 */
bool sock_acceptable(struct sock *so);
void sock_unbind(struct sock *so);

#endif
