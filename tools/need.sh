# need.sh: install what this machine lacks.  Sourced by run and check.

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit 255
}

# need WHY WHAT=PACKAGE ...: every WHAT, a program or an absolute path, is
# there on return; the packages of those that were not have been installed.
need() {
	_why=$1 _miss=
	shift
	for _p; do
		case $_p in
		/*) [ -e "${_p%%=*}" ] && continue ;;
		*) command -v "${_p%%=*}" >/dev/null 2>&1 && continue ;;
		esac
		_miss="$_miss ${_p#*=}"
	done
	[ -n "$_miss" ] || return 0
	command -v apt-get >/dev/null 2>&1 ||
	    die "$_why needs$_miss, and there is no apt-get to install it"
	if [ "$(id -u)" -eq 0 ]; then
		_root=
	elif command -v sudo >/dev/null 2>&1; then
		_root=sudo
	else
		die "$_why needs$_miss: install it as root, for there is no sudo"
	fi
	say "installing$_miss with apt-get: $_why needs it"
	_log=$(mktemp)
	# shellcheck disable=SC2086
	{
		$_root apt-get -qq -o DPkg::Lock::Timeout=300 update &&
		$_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
		    install --no-install-recommends $_miss
	} </dev/null >"$_log" 2>&1 || {
		cat "$_log" >&2
		rm -f "$_log"
		die "apt-get could not install$_miss"
	}
	rm -f "$_log"
}

# need_compiler ARCH: what compiles kernels and programs for ARCH, and tools
# for this machine.
need_compiler() {
	case $1 in
	amd64) _gcc=x86_64-linux-gnu ;;
	arm64) _gcc=aarch64-linux-gnu ;;
	esac
	need "building vmspace" make=make gcc=gcc ld=binutils \
	    /usr/include/stdio.h=libc6-dev
	[ "$1" = "$(dpkg --print-architecture)" ] ||
	    need "building vmspace for $1" \
	    $_gcc-gcc="gcc-$(echo $_gcc | tr _ -)" \
	    /usr/$_gcc/include/stdio.h="libc6-dev-$1-cross"
}
