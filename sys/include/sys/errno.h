/*
 * errno.h: error numbers.  Those below 512 are Linux's generic ones (its
 * uapi header asm-generic/errno.h), which both of our machines use, because
 * programs see them.
 */
#ifndef SYS_ERRNO_H
#define SYS_ERRNO_H

#define EPERM           1   /* not permitted */
#define ENOENT          2   /* no such file */
#define ESRCH           3   /* no such process */
#define EINTR           4   /* interrupted by a signal */
#define EIO             5   /* I/O error */
#define ENXIO           6   /* no such device or address */
#define E2BIG           7   /* arguments too long */
#define ENOEXEC         8   /* not an executable */
#define EBADF           9   /* bad descriptor */
#define ECHILD          10  /* no children */
#define EAGAIN          11  /* try again */
#define ENOMEM          12  /* out of memory */
#define EACCES          13  /* permission denied */
#define EFAULT          14  /* bad address */
#define ENOTBLK         15  /* not a block device */
#define EBUSY           16  /* busy */
#define EEXIST          17  /* exists */
#define EXDEV           18  /* across file systems */
#define ENODEV          19  /* no such device */
#define ENOTDIR         20  /* not a directory */
#define EISDIR          21  /* is a directory */
#define EINVAL          22  /* invalid argument */
#define ENFILE          23  /* system file table full */
#define EMFILE          24  /* too many open files */
#define ENOTTY          25  /* not a terminal */
#define ETXTBSY         26  /* text file busy */
#define EFBIG           27  /* file too large */
#define ENOSPC          28  /* no space on device */
#define ESPIPE          29  /* cannot seek */
#define EROFS           30  /* read-only file system */
#define EMLINK          31  /* too many links */
#define EPIPE           32  /* nobody reads the pipe */
#define EDOM            33  /* outside the domain */
#define ERANGE          34  /* result out of range */
#define EDEADLK         35  /* would deadlock */
#define ENAMETOOLONG    36  /* name too long */
#define ENOLCK          37  /* no locks left */
#define ENOSYS          38  /* no such system call */
#define ENOTEMPTY       39  /* directory not empty */
#define ELOOP           40  /* too many symbolic links */
#define ENOMSG          42  /* no such message */
#define EIDRM           43  /* identifier removed */
#define ENODATA         61  /* no data */
#define ETIME           62  /* timer expired */
#define EPROTO          71  /* protocol error */
#define EBADMSG         74  /* not a message */
#define EOVERFLOW       75  /* value too large for its type */
#define EILSEQ          84  /* illegal byte sequence */
#define ELIBBAD         80  /* damaged interpreter */
#define ENOTSOCK        88  /* not a socket */
#define EDESTADDRREQ    89  /* no destination */
#define EMSGSIZE        90  /* message too long */
#define EPROTOTYPE      91  /* wrong protocol for the socket */
#define ENOPROTOOPT     92  /* no such protocol option */
#define EPROTONOSUPPORT 93  /* protocol not supported */
#define ESOCKTNOSUPPORT 94  /* socket type not supported */
#define EOPNOTSUPP      95  /* operation not supported */
#define EPFNOSUPPORT    96  /* protocol family not supported */
#define EAFNOSUPPORT    97  /* address family not supported */
#define EADDRINUSE      98  /* address in use */
#define EADDRNOTAVAIL   99  /* address not available */
#define ENETDOWN        100 /* network down */
#define ENETUNREACH     101 /* network unreachable */
#define ECONNRESET      104 /* connection reset */
#define ENOBUFS         105 /* no buffer space */
#define EISCONN         106 /* is connected */
#define ENOTCONN        107 /* not connected */
#define ETOOMANYREFS    109 /* too many descriptors under way */
#define ETIMEDOUT       110 /* timed out */
#define ECONNREFUSED    111 /* connection refused */
#define EHOSTUNREACH    113 /* host unreachable */
#define EALREADY        114 /* already in progress */
#define EINPROGRESS     115 /* in progress */
#define ESTALE          116 /* stale handle */
#define EUCLEAN         117 /* structure needs cleaning */
#define EDQUOT          122 /* quota exceeded */
#define ECANCELED       125 /* canceled */
#define EOWNERDEAD      130 /* owner died */
#define ENOTRECOVERABLE 131 /* state not recoverable */

#define EWOULDBLOCK EAGAIN
#define EDEADLOCK   EDEADLK
#define ENOTSUP     EOPNOTSUPP

/*
 * A system call that a signal interrupted returns one of these inside the
 * kernel; what the program sees depends on the handler.
 *
 * ERESTARTSYS		no handler, or one with SA_RESTART: the call is made
 *			again; else EINTR
 * ERESTARTNOINTR	always made again
 * ERESTARTNOHAND	made again when no handler ran; else EINTR
 * ERESTART_RESTARTBLOCK as ERESTARTNOHAND, but by restart_syscall(), with
 *			what is left of a relative time
 */
#define ERESTARTSYS           512
#define ERESTARTNOINTR        513
#define ERESTARTNOHAND        514
#define ERESTART_RESTARTBLOCK 516
#define EJUSTRETURN           517 /* the frame holds the result already */

#endif
