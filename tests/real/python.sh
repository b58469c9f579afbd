#!/bin/sh
# python3: subprocesses, threads, event loops, locks, mappings.
cat >t.py <<'X'
import asyncio, fcntl, hashlib, json, mmap, os, select, signal, socket
import sqlite3, subprocess, sys, tempfile, threading, time
from multiprocessing import Pool

e = select.epoll(); r, w = os.pipe(); e.register(r, select.EPOLLIN)
print(e.poll(0)); os.write(w, b'x'); print([v for _, v in e.poll(1)])
e.modify(r, select.EPOLLIN | select.EPOLLET)
print(len(e.poll(0)), len(e.poll(0)))
threading.Timer(0.1, lambda: os.write(w, b'y')).start(); print(len(e.poll(5)))
os.close(r); print(e.poll(0))
ev = os.eventfd(3); print(os.eventfd_read(ev))
a, b = socket.socketpair(); a.sendall(b'hello'); print(b.recv(10))
a.shutdown(socket.SHUT_WR); print(b.recv(1)); b.send(b'zz'); print(a.recv(5))
a.close()
try: b.send(b'x')
except BrokenPipeError: print('EPIPE')
f = open('lk', 'w+'); fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5)
sys.stdout.flush(); pid = os.fork()
if pid == 0:
    g = open('lk', 'r+')
    try: fcntl.lockf(g, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 14)
    except BlockingIOError: print('locked')
    fcntl.lockf(g, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 15); print('free')
    fcntl.lockf(g, fcntl.LOCK_EX, 10, 14); print('waited')
    sys.stdout.flush(); os._exit(0)
time.sleep(.3); f.close(); print(os.waitpid(pid, 0)[1])
print(subprocess.run('echo out; echo err >&2; exit 5', shell=True, capture_output=True))
p = subprocess.Popen(['sort', '-r'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(p.communicate(b'1\n3\n2\n'))
q = []; ts = [threading.Thread(target=lambda i=i: q.append(hashlib.sha256(b'%d' % i * 100000).hexdigest())) for i in range(8)]
[t.start() for t in ts]; [t.join() for t in ts]; print(hashlib.md5(''.join(sorted(q)).encode()).hexdigest())
async def main():
    p = await asyncio.create_subprocess_exec('echo', 'async', stdout=subprocess.PIPE)
    print((await p.communicate())[0])
    print(sum(await asyncio.gather(*[asyncio.sleep(0.02, i) for i in range(20)])))
asyncio.run(main())
with Pool(3) as pool: print(pool.map(abs, range(-5, 5)))
with tempfile.TemporaryFile() as t:
    t.truncate(10000); m = mmap.mmap(t.fileno(), 0); m[5000:5003] = b'abc'
    t.seek(5000); print(t.read(3)); t.seek(6000); t.write(b'xyz'); t.flush(); print(m[6000:6003])
db = sqlite3.connect('py.db'); db.execute('create table t(x)'); db.executemany('insert into t values(?)', [(i,) for i in range(1000)]); db.commit()
print(db.execute('select sum(x) from t').fetchone())
signal.signal(signal.SIGUSR1, lambda *_: print('usr1')); os.kill(os.getpid(), signal.SIGUSR1)
signal.setitimer(signal.ITIMER_REAL, 0.05); signal.signal(signal.SIGALRM, lambda *_: print('alrm')); signal.pause()
print(json.dumps({'a': [1, 2.5, None, True]}), 3 ** 200 % 10 ** 9)
X
python3 t.py
