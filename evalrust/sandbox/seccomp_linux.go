//go:build amd64 || arm64

package sandbox

import "golang.org/x/sys/unix"

// denied are the system calls that a program gets EPERM for: what reaches other
// processes, the network, the kernel's keys and modules, mounts, and what makes
// objects that outlive a process. A compiler needs none of them, and neither
// does an exercise.
var denied = []uint32{
	unix.SYS_SOCKET,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_MOUNT_SETATTR,
	unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_KCMP,
	unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_USERFAULTFD,
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_MSGGET, unix.SYS_SEMGET, unix.SYS_MQ_OPEN,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_FANOTIFY_INIT,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
	unix.SYS_QUOTACTL, unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_LOOKUP_DCOOKIE, unix.SYS_VHANGUP, unix.SYS_NFSSERVCTL,
}

// The offsets in struct seccomp_data.
const (
	offNumber = 0
	offArch   = 4
	offArg0   = 16 // low half of the first argument, on a little-endian machine
	offArg1   = 24
)

// The terminal requests that put characters into another program's input.
const (
	tiocsti   = 0x5412
	tioclinux = 0x541C
)

// filter is the seccomp program: another architecture kills, the denied calls
// and new namespaces get EPERM, clone3 gets ENOSYS (its flags lie in memory,
// where a filter cannot look, and the C library then uses clone).
func filter() []unix.SockFilter {
	const (
		ld  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jeq = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		jge = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		set = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		ret = unix.BPF_RET | unix.BPF_K

		newNamespace = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID |
			unix.CLONE_NEWNET
		x32 = 0x40000000 // the bit of the calls with 32-bit pointers
	)
	eperm := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	enosys := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)}
	allow := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW}
	kill := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_KILL_PROCESS}
	p := []unix.SockFilter{
		{Code: ld, K: offArch},
		{Code: jeq, K: auditArch, Jt: 1},
		kill,
		{Code: ld, K: offNumber},
		{Code: jge, K: x32, Jf: 1},
		kill,
		{Code: jeq, K: unix.SYS_CLONE3, Jf: 1},
		enosys,
		{Code: jeq, K: unix.SYS_CLONE, Jf: 4},
		{Code: ld, K: offArg0},
		{Code: set, K: newNamespace, Jf: 1},
		eperm,
		allow,
		{Code: jeq, K: unix.SYS_IOCTL, Jf: 5},
		{Code: ld, K: offArg1},
		{Code: jeq, K: tiocsti, Jt: 1},
		{Code: jeq, K: tioclinux, Jf: 1},
		eperm,
		allow,
	}
	for _, n := range append(denied, deniedHere...) {
		p = append(p, unix.SockFilter{Code: jeq, K: n, Jf: 1}, eperm)
	}
	return append(p, allow)
}
