#!/bin/sh
# git: a repository with branches, merges, packs; and one cloned from it.
export GIT_CONFIG_NOSYSTEM=1 HOME="$PWD" GIT_PAGER=cat
export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000'
git config --global user.name tester; git config --global user.email t@example.org
git config --global init.defaultBranch main; git config --global advice.detachedHead false
git init -q r; cd r || exit
seq 1 500 >numbers; mkdir -p d/e; echo text >d/e/f; ln -s d/e/f link; git add .
git commit -q -m first; git rev-parse HEAD; git ls-files -s
git checkout -q -b side; sed -i 's/^250$/two hundred and fifty/' numbers; git commit -qam side
git checkout -q main; sed -i 's/^10$/ten/' numbers; git mv d/e/f d/g; git commit -qam main
git merge -q -m merged side; git rev-parse HEAD; git log --oneline --graph; git diff --stat HEAD~2
for i in $(seq 30); do echo "$i" >>log; git add log; git commit -q -m "commit $i"; done
git gc -q; git count-objects -v | grep -v size; git fsck --full; git repack -adfq --threads=2; git fsck
git log --format=%H | sha256sum; git blame -s numbers | sed -n '9,11p;249,251p'
git tag -a v1 -m one; git describe; git stash list; echo dirty >>log; git stash -q; git status --short; git stash pop -q; git status --short; git checkout -q log
git archive HEAD | tar -tf - ; git bisect start HEAD HEAD~20 >/dev/null; git bisect run sh -c '[ $(wc -l <log) -lt 20 ]' | tail -n 3 | head -n 1; git bisect reset 2>&1 | tail -n 1
cd .. && git clone -q --no-local r c && cd c && git log -1 --format=%H && git checkout -q -b x && echo x >x && git add x && git commit -q -m x && git push -q origin x && git -C ../r branch -v
git grep -n fifty; git show --stat HEAD | tail -n 3; git cherry-pick HEAD~5 2>&1 | head -n 2; git cherry-pick --abort; git worktree add -q ../w v1 && ls ../w
