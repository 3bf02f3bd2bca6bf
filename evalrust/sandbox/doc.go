// Package sandbox runs programs that are not trusted, with limits, and leaves
// nothing of them behind.
//
// # Backends
//
// New tries these, in this order, with a program that tries to get out, and
// takes the first that holds it. When none does, nothing is ever run: the error
// says what was tried, why it failed and what to do.
//
//	namespaces  user or root, mount, pid, network, ipc, uts and cgroup namespaces; a root of memory
//	            with the system's programs read-only in it; Landlock, seccomp, limits
//	bwrap       the same made by bubblewrap, with a working directory on disk
//	landlock    no namespaces: Landlock, seccomp, limits; processes are found and killed
//
// As root, namespaces needs no user namespace; every worker's programs run as a
// user of their own, above the numbers that systems give away. Otherwise
// they run as the caller in a user namespace, without capabilities.
//
// # Method
//
// A worker is the running program itself, started again (see Init), which makes
// its surroundings once and then runs one command after another:
//
//  1. The worker forks a small init into pid and ipc namespaces of its own. The
//     init joins the control groups, forks the program, reaps, and ends with
//     it; the kernel then kills whatever is left in the namespace. Fork and
//     init are system calls on prepared memory: the child of a process with
//     threads may do nothing else.
//  2. Between fork and execve the program gets its descriptors (0 to 2, and 3
//     when results are asked for; all others close), resource limits, its user,
//     no capabilities, no_new_privs, the Landlock rules and the seccomp filter.
//  3. The worker watches output, time and memory, and kills the init.
//
// Between jobs the directory is a new file system of memory; the scratch
// directory is new for every command. A command that is not a build finds the
// job's directory read-only.
//
// # Limits
//
// Memory is that of all processes together: by control group (version 1 or 2)
// where the caller may make one below its own, else looked at every 10 to 100
// ms; the address space of each process is limited besides. Time is that of the
// command less the time that it waited for a processor, as the kernel counts it.
// Sizes of files and of the scratch directory, processes, descriptors and output
// have limits of their own.
//
// # What is refused
//
// seccomp answers EPERM to sockets, mounts, new namespaces, ptrace and the like,
// io_uring, bpf, perf events, keys, System V and POSIX queues, modules, clocks,
// and to putting characters into a terminal; clone3 answers ENOSYS, because a
// filter cannot see its flags, and C libraries then use clone. Landlock allows
// reading the system's programs and the paths of Options.ReadOnly, and writing
// where the command may write.
//
// # When the caller dies
//
// A worker ends when its socket closes, and with it everything inside. Control
// groups of a caller that was killed are removed by the next one.
//
// # Caveats
//
// A flaw of the kernel is not covered. Without namespaces a process that
// escapes the hunt for it lives until its limits end it, disk space is watched
// like memory, and programs can see that files exist. Environment variables and
// descriptors of the caller are never inherited.
package sandbox
