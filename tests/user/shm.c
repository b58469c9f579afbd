/*
 * shm.c: System V shared memory: every call and command, limits, permissions,
 * and that attachments end with the space that has them.
 */
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include "fault.h"

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif

static int
segment(size_t size, int mode)
{
	int id = shmget(IPC_PRIVATE, size, IPC_CREAT | mode);

	CHECK(id != -1);
	return id;
}

static char *
attach(int id, const void *addr, int flags)
{
	char *p = shmat(id, addr, flags);

	CHECK(p != (char *)-1);
	return p;
}

static unsigned long
attachments(int id)
{
	struct shmid_ds ds;

	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	return ds.shm_nattch;
}

static void
get(void)
{
	key_t key = (key_t)(0x76000000 + getpid());
	int id;

	FAILS(ENOENT, shmget(key, PAGE, 0600));
	id = shmget(key, PAGE + 1, IPC_CREAT | 0600);
	CHECK(id != -1);
	CHECK(shmget(key, PAGE, 0) == id);
	CHECK(shmget(key, 0, IPC_CREAT) == id);
	FAILS(EEXIST, shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600));
	FAILS(EINVAL, shmget(key, 2 * PAGE, 0));
	FAILS(EINVAL, shmget(IPC_PRIVATE, 0, 0600));
	CHECK(shmget(IPC_PRIVATE, PAGE, SHM_HUGETLB | 0600) == -1);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	FAILS(ENOENT, shmget(key, PAGE, 0600));
	FAILS(EINVAL, shmctl(id, IPC_RMID, NULL));
	id = shmget(IPC_PRIVATE, PAGE, SHM_NORESERVE | 0600);
	CHECK(id != -1 && shmctl(id, IPC_RMID, NULL) == 0);
}

static void
at(void)
{
	int id = segment(3 * PAGE, 0600);
	char *p, *q, *r, *area;

	p = attach(id, NULL, 0);
	q = attach(id, NULL, SHM_RDONLY);
	p[2 * PAGE] = 7;
	CHECK(q[2 * PAGE] == 7 && q != p);
	FAILS(EACCES, mprotect(q, PAGE, PROT_READ | PROT_WRITE));
	CHECK(attachments(id) == 2);
	area = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	    0);
	CHECK(area != MAP_FAILED);
	FAILS(EINVAL, shmat(id, area, 0));
	FAILS(EINVAL, shmat(id, NULL, SHM_REMAP));
	CHECK(attach(id, area, SHM_REMAP) == area && area[2 * PAGE] == 7);
	CHECK(shmdt(area) == 0);
	CHECK(munmap(area, 16 * PAGE) == 0);
	FAILS(EINVAL, shmat(id, area + 1, 0));
	r = attach(id, area + 1, SHM_RND);
	CHECK(r == area);
	CHECK(shmdt(r) == 0);
	FAILS(EINVAL, shmdt(r));
	FAILS(EINVAL, shmdt(p + 1));
	FAILS(EINVAL, shmdt(p + PAGE));
	FAILS(EINVAL, shmat(-1, NULL, 0));
	FAILS(EINVAL, shmat(0x7ffffff0, NULL, 0));
	CHECK(attachments(id) == 2);
	CHECK(shmdt(p) == 0 && shmdt(q) == 0 && attachments(id) == 0);
	p = attach(id, NULL, 0);
	CHECK(p[2 * PAGE] == 7); /* it lives without attachments */
	CHECK(shmdt(p) == 0);
	p = attach(id, NULL, SHM_EXEC);
	CHECK(shmdt(p) == 0);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
}

static void
ctl(void)
{
	int id = segment(PAGE + 5, 0640), i, top, found = 0;
	struct shmid_ds ds;
	struct shminfo si;
	struct shm_info su;
	char *p;

	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	CHECK(ds.shm_segsz == PAGE + 5 && ds.shm_nattch == 0);
	CHECK(ds.shm_cpid == getpid() && ds.shm_lpid == 0);
	CHECK(ds.shm_perm.mode == 0640 && ds.shm_atime == 0);
	CHECK(ds.shm_ctime != 0);
	ds.shm_perm.mode = 0600;
	CHECK(shmctl(id, IPC_SET, &ds) == 0);
	p = attach(id, NULL, 0);
	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	CHECK(ds.shm_perm.mode == 0600 && ds.shm_lpid == getpid());
	CHECK(ds.shm_atime != 0);
	CHECK(shmctl(id, SHM_LOCK, NULL) == 0);
	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	CHECK((ds.shm_perm.mode & 02000) != 0);
	CHECK(shmctl(id, SHM_UNLOCK, NULL) == 0);
	CHECK((top = shmctl(0, IPC_INFO, (struct shmid_ds *)&si)) >= 0);
	CHECK(si.shmmin == 1 && si.shmmni > 0 && si.shmmax > PAGE);
	CHECK(shmctl(0, SHM_INFO, (struct shmid_ds *)&su) == top);
	CHECK(su.used_ids >= 1 && su.shm_tot >= 2);
	for (i = 0; i <= top; i++) {
		found |= shmctl(i, SHM_STAT, &ds) == id;
		(void)shmctl(i, SHM_STAT_ANY, &ds);
	}
	CHECK(found);
	FAILS(EINVAL, shmctl(id, 999, &ds));
	FAILS(EINVAL, shmctl(-1, IPC_STAT, &ds));
	FAILS(EFAULT, shmctl(id, IPC_STAT, (struct shmid_ds *)8));
	/* Removed while attached: found by nobody, gone with the last. */
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	CHECK((ds.shm_perm.mode & 01000) != 0 && ds.shm_perm.__key == 0);
	p[0] = 1;
	CHECK(shmdt(p) == 0);
	FAILS(EINVAL, shmctl(id, IPC_STAT, &ds));
}

static int shared;
static char *inherited;

static void
child_sees(void)
{
	CHECK(inherited[0] == 'p');
	inherited[0] = 'c';
	CHECK(attachments(shared) == 2);
}

static void
child_execs(void)
{
	CHECK(attachments(shared) == 2);
	execl("/bin/true", "true", (char *)NULL);
	_exit(127);
}

/* Fork inherits, exit and exec detach: once. */
static void
life(void)
{
	struct shmid_ds ds;
	int i, status;
	pid_t pid;

	shared = segment(PAGE, 0600);
	inherited = attach(shared, NULL, 0);
	inherited[0] = 'p';
	for (i = 0; i < 20; i++) {
		inherited[0] = 'p';
		in_child(child_sees, 0);
		CHECK(inherited[0] == 'c' && attachments(shared) == 1);
	}
	in_child(child_execs, 0);
	CHECK(attachments(shared) == 1);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	CHECK(attachments(shared) == 2);
	CHECK(shmctl(shared, IPC_RMID, NULL) == 0);
	CHECK(shmdt(inherited) == 0);
	CHECK(shmctl(shared, IPC_STAT, &ds) == 0 && ds.shm_nattch == 1);
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	FAILS(EINVAL, shmctl(shared, IPC_STAT, &ds));
}

static void
strangers(void)
{
	struct shmid_ds ds;

	FAILS(EACCES, shmat(shared, NULL, 0));
	FAILS(EACCES, shmctl(shared, IPC_STAT, &ds));
	FAILS(EPERM, shmctl(shared, IPC_RMID, NULL));
	FAILS(EPERM, shmctl(shared, SHM_LOCK, NULL));
	memset(&ds, 0, sizeof(ds));
	FAILS(EPERM, shmctl(shared, IPC_SET, &ds));
}

static void
readers(void)
{
	char *p = attach(shared, NULL, SHM_RDONLY);

	FAILS(EACCES, shmat(shared, NULL, 0));
	CHECK(shmdt(p) == 0);
}

static void
permissions(void)
{
	shared = segment(PAGE, 0600);
	in_child(strangers, 1);
	CHECK(shmctl(shared, IPC_RMID, NULL) == 0);
	shared = segment(PAGE, 0644);
	in_child(readers, 1);
	CHECK(shmctl(shared, IPC_RMID, NULL) == 0);
}

static unsigned long
number(const char *path)
{
	unsigned long n = 0;
	FILE *f = fopen(path, "r");

	CHECK(f != NULL && fscanf(f, "%lu", &n) == 1 && fclose(f) == 0);
	return n;
}

static void
files(void)
{
	int id = segment(5 * PAGE, 0600), key, got, seen = 0;
	unsigned long max = number("/proc/sys/kernel/shmmax");
	char line[512];
	FILE *f = fopen("/proc/sysvipc/shm", "r");

	CHECK(f != NULL && fgets(line, sizeof(line), f) != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%d %d", &key, &got) == 2 && got == id)
			seen = 1;
	fclose(f);
	CHECK(seen && shmctl(id, IPC_RMID, NULL) == 0);
	CHECK(max > PAGE && number("/proc/sys/kernel/shmall") > 0);
	CHECK(number("/proc/sys/kernel/shmmni") >= 128);
	if (max < SIZE_MAX)
		FAILS(EINVAL, shmget(IPC_PRIVATE, max + 1, 0600));
}

int
main(void)
{
	get();
	at();
	ctl();
	life();
	permissions();
	files();
	return 0;
}
