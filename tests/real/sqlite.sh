#!/bin/sh
# A scripted session, with rollback journal and with shared memory (WAL).
for mode in delete wal; do
	sqlite3 $mode.db <<X
PRAGMA journal_mode=$mode;
CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, n REAL);
BEGIN;
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<5000)
  INSERT INTO t SELECT x, printf('value %05d', (x*7919)%5003), x*0.5 FROM c;
COMMIT;
CREATE INDEX i ON t(v);
SELECT count(*), sum(n), min(v), max(v) FROM t;
DELETE FROM t WHERE id % 3 = 0;
UPDATE t SET n = n + 1 WHERE v LIKE '%7';
BEGIN; DELETE FROM t; ROLLBACK;
SELECT count(*), sum(n) FROM t;
PRAGMA mmap_size=1048576;
SELECT v FROM t ORDER BY v DESC LIMIT 3;
VACUUM;
PRAGMA integrity_check;
.schema
X
	for i in 1 2 3 4; do
		sqlite3 -cmd '.timeout 60000' $mode.db \
		    "UPDATE t SET n = n + $i WHERE id % 4 = $((i - 1));" &
	done
	wait
	sqlite3 $mode.db 'SELECT count(*), sum(n) FROM t; PRAGMA integrity_check;'
	# No decimal fractions: .dump's last digit is the long double's.
	sqlite3 $mode.db 'SELECT id, v, CAST(n * 2 AS INTEGER) FROM t' |
	    sha256sum
done
