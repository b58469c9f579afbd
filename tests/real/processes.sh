#!/bin/sh
# python3 again: processes and shared memory, mappings, descriptors, signals.
cat >t.py <<'E'
import array, concurrent.futures as cf, ctypes, errno, fcntl, gc, mmap, os
import multiprocessing as mp, pathlib, queue, random, resource, select
import selectors, shutil, signal, socket, stat, struct, subprocess, sys
import tempfile, termios, threading, time, tracemalloc, zlib, lzma, bz2
from multiprocessing import shared_memory, managers

def square(n): return n * n
def child(q, lock, v, a, ev):
    for i in range(200):
        with lock: v.value += 1
    a[os.getpid() % 1] = 5; q.put('from child'); ev.wait()
def show(*a): print(*a); sys.stdout.flush()

if __name__ == '__main__':
    for how in 'fork', 'spawn', 'forkserver':
        ctx = mp.get_context(how)
        with ctx.Pool(2) as p: show(how, p.map(square, range(20)), p.apply(square, (9,)))
    q, lock, v, a, ev = mp.Queue(), mp.Lock(), mp.Value('i', 0), mp.Array('i', 4), mp.Event()
    ps = [mp.Process(target=child, args=(q, lock, v, a, ev)) for _ in range(4)]
    [p.start() for p in ps]; show([q.get() for _ in ps]); ev.set(); [p.join() for p in ps]
    show(v.value, list(a), [p.exitcode for p in ps])
    p = mp.Process(target=time.sleep, args=(60,)); p.start(); p.terminate(); p.join(); show(p.exitcode)
    sm = shared_memory.SharedMemory(create=True, size=10000); sm.buf[5000] = 42
    s2 = shared_memory.SharedMemory(sm.name); show(s2.buf[5000], sm.size >= 10000); s2.close(); sm.close(); sm.unlink()
    with managers.SharedMemoryManager() as m: sl = m.ShareableList([1, 'two', 3.0]); show(list(sl))
    with mp.Manager() as m:
        d = m.dict(); pp = [mp.Process(target=d.update, args=({i: i},)) for i in range(3)]
        [x.start() for x in pp]; [x.join() for x in pp]; show(sorted(d.items()))
    with cf.ProcessPoolExecutor(3) as ex: show(sum(ex.map(square, range(100), chunksize=7)))
    with cf.ThreadPoolExecutor(16) as ex: show(sum(ex.map(square, range(1000))))

    # mappings
    f = open('m', 'w+b'); f.write(b'0123456789' * 2000); f.flush()
    m = mmap.mmap(f.fileno(), 0); show(len(m), m.find(b'890', 500), m[4090:4100])
    m[4094:4098] = b'ABCD'; m.flush(); f.seek(4094); show(f.read(4)); m.resize(40960); show(len(m), os.path.getsize('m'), m[30000])
    m.move(100, 0, 50); show(m[100:112]); r = mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ, offset=4096)
    try: r[0] = 1
    except TypeError as e: show('TypeError', e)
    c = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY); c[0:2] = b'zz'; show(m[0:2], c[0:2]); m.madvise(mmap.MADV_DONTNEED); show(m[0:2]); m.close()
    an = mmap.mmap(-1, 8192)
    if os.fork() == 0: an[0:5] = b'child'; os._exit(0)
    os.wait(); show(an[0:5])

    # descriptors and names
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM); socket.send_fds(a, [b'x'], [f.fileno()]); _, fds, _, _ = socket.recv_fds(b, 10, 2)
    show(os.path.sameopenfile(fds[0], f.fileno())); os.close(fds[0]); a.close(); b.close()
    srv = socket.socket(socket.AF_UNIX); srv.bind('sock'); srv.listen(); show(stat.S_ISSOCK(os.stat('sock').st_mode))
    t = threading.Thread(target=lambda: srv.accept()[0].sendall(b'served')); t.start()
    c = socket.socket(socket.AF_UNIX); c.connect('sock'); show(c.recv(20)); t.join()
    sel = selectors.DefaultSelector(); rd, wr = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC); sel.register(rd, selectors.EVENT_READ, 'tag')
    try: os.read(rd, 1)
    except BlockingIOError: show('EAGAIN')
    n = 0
    try:
        while True: n += os.write(wr, b'x' * 4096)
    except BlockingIOError: show('full', n)
    show([k.data for k, _ in sel.select(1)]); show(fcntl.fcntl(wr, fcntl.F_GETPIPE_SZ))
    os.mkfifo('fifo'); t = threading.Thread(target=lambda: open('fifo', 'w').write('through')); t.start(); show(open('fifo').read()); t.join()
    d = tempfile.mkdtemp(dir='.'); [pathlib.Path(d, f'n{i}').write_text(str(i)) for i in range(50)]
    show(sorted(e.name for e in os.scandir(d))[-3:], sum(e.stat().st_size for e in os.scandir(d))); shutil.copytree(d, d + '.c'); shutil.rmtree(d); show(len(os.listdir(d + '.c')))
    show(os.posix_fallocate(f.fileno(), 0, 100000), os.fstat(f.fileno()).st_size); show(os.copy_file_range(f.fileno(), os.open('copy', os.O_RDWR | os.O_CREAT), 1000))
    mfd = os.memfd_create('x', os.MFD_ALLOW_SEALING); os.write(mfd, b'sealed'); fcntl.fcntl(mfd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    try: os.write(mfd, b'more')
    except PermissionError as e: show(errno.errorcode[e.errno])
    for call in (lambda: os.open('/nonexistent', 0), lambda: os.rmdir('.'), lambda: os.mkdir('m'), lambda: os.kill(2 ** 22 + 5, 0), lambda: os.open('m/x', 0), lambda: os.readlink('m'), lambda: os.listdir('m'), lambda: os.close(999), lambda: os.execv('m', ['m']), lambda: os.symlink('y', 'm'), lambda: os.lseek(rd, 0, 0), lambda: os.ftruncate(rd, 0), lambda: os.sched_setscheduler(0, 99, os.sched_param(0)), lambda: os.chdir('m'), lambda: os.truncate('m', -1), lambda: os.waitpid(2 ** 22 + 5, 0)):
        try: call(); show('fine')
        except OSError as e: show(errno.errorcode[e.errno])

    # signals, limits, terminals
    got = []; signal.signal(signal.SIGCHLD, lambda *_: got.append('chld')); subprocess.run(['true']); time.sleep(.05); show(got)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL); signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]); os.kill(os.getpid(), signal.SIGUSR2); show(signal.sigpending(), signal.sigwaitinfo([signal.SIGUSR2]).si_signo, signal.sigtimedwait([signal.SIGUSR2], .05))
    show(subprocess.run(['sh', '-c', 'kill -9 $$']).returncode, subprocess.run([sys.executable, '-c', 'import os; os.abort()'], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))).returncode)
    try: subprocess.run(['sleep', '9'], timeout=.2)
    except subprocess.TimeoutExpired: show('timed out')
    show(subprocess.run('ulimit -v 200000; python3 -c "x = bytearray(400 << 20)" 2>&1 | tail -n 1', shell=True, capture_output=True).stdout)
    show(subprocess.run('ulimit -n 20; exec python3 -c "[open(\'/dev/null\') for _ in iter(int, 1)]" 2>&1', shell=True, capture_output=True).stdout.splitlines()[-1][-50:])
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 128)); show(resource.getrlimit(resource.RLIMIT_NOFILE))
    i = threading.Barrier(8); r = []; [t.start() for t in [threading.Thread(target=lambda: r.append(i.wait())) for _ in range(8)]]; time.sleep(.3); show(sorted(r))
    c = threading.Condition(); l = []
    def consumer():
        with c: c.wait_for(lambda: l, 5); show('consumed', l.pop())
    t = threading.Thread(target=consumer); t.start(); time.sleep(.05)
    with c: l.append(1); c.notify()
    t.join(); tl = threading.local(); random.seed(1); data = bytes(random.randrange(4) for _ in range(100000))
    show([len(x.compress(data)) for x in (zlib, lzma, bz2)], zlib.crc32(data)); libc = ctypes.CDLL(None, use_errno=True); show(libc.getppid() == os.getppid(), libc.close(-1), errno.errorcode[ctypes.get_errno()])
    show(os.path.realpath('/proc/self/cwd') == os.getcwd(), len(os.sched_getaffinity(0)) > 0, os.getpriority(os.PRIO_PROCESS, 0), os.nice(3), open('/proc/self/comm').read())
    os.posix_spawn('/bin/echo', ['echo', 'spawned'], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 1, 2)]); os.wait(); e = os.pidfd_open(os.getpid()); signal.signal(signal.SIGUSR1, lambda *_: show('by pidfd')); signal.pidfd_send_signal(e, signal.SIGUSR1)
E
python3 t.py
