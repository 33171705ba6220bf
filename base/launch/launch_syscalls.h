/* The permitted system calls, each line a purpose. LAUNCH_SYSCALL(x) is made for every name; a name
 * that a processor or an older header does not have stands as -1 and is left out. */
#ifndef LAUNCH_SYSCALLS_H
#define LAUNCH_SYSCALLS_H

#include <sys/syscall.h>

/* --- not on every processor, or not in every header --- */
#ifndef SYS_open /* the old forms: x86-64 and ARM have them, 64-bit ARM does not */
#define SYS_open         -1
#define SYS_stat         -1
#define SYS_lstat        -1
#define SYS_access       -1
#define SYS_readlink     -1
#define SYS_getdents     -1
#define SYS_dup2         -1
#define SYS_pipe         -1
#define SYS_poll         -1
#define SYS_epoll_create -1
#define SYS_epoll_wait   -1
#define SYS_eventfd      -1
#define SYS_signalfd     -1
#define SYS_pause        -1
#define SYS_getpgrp      -1
#endif
#ifndef SYS_select
#define SYS_select -1
#endif
#ifndef SYS_time
#define SYS_time -1
#endif
#ifndef SYS_getrlimit
#define SYS_getrlimit -1
#endif
#ifndef SYS_mmap
#define SYS_mmap -1
#endif
#ifndef SYS_newfstatat
#define SYS_newfstatat -1
#endif
#ifndef SYS_arch_prctl /* x86 */
#define SYS_arch_prctl -1
#endif
#ifndef SYS_mmap2 /* 32-bit */
#define SYS_mmap2                  -1
#define SYS__llseek                -1
#define SYS__newselect             -1
#define SYS_stat64                 -1
#define SYS_lstat64                -1
#define SYS_fstat64                -1
#define SYS_fstatat64              -1
#define SYS_statfs64               -1
#define SYS_fstatfs64              -1
#define SYS_fcntl64                -1
#define SYS_ftruncate64            -1
#define SYS_ugetrlimit             -1
#define SYS_getuid32               -1
#define SYS_geteuid32              -1
#define SYS_getgid32               -1
#define SYS_getegid32              -1
#define SYS_getgroups32            -1
#define SYS_sigreturn              -1
#define SYS_clock_gettime64        -1
#define SYS_clock_getres_time64    -1
#define SYS_clock_nanosleep_time64 -1
#define SYS_timerfd_gettime64      -1
#define SYS_timerfd_settime64      -1
#define SYS_ppoll_time64           -1
#define SYS_pselect6_time64        -1
#define SYS_recvmmsg_time64        -1
#define SYS_rt_sigtimedwait_time64 -1
#define SYS_futex_time64           -1
#define SYS_send                   -1
#define SYS_recv                   -1
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 -1
#endif
#ifndef SYS_rseq
#define SYS_rseq -1
#endif

#define LAUNCH_SYSCALLS(LAUNCH_SYSCALL)                                                            \
    /* descriptors and files */                                                                    \
    LAUNCH_SYSCALL(read)                                                                           \
    LAUNCH_SYSCALL(write)                                                                          \
    LAUNCH_SYSCALL(readv)                                                                          \
    LAUNCH_SYSCALL(writev)                                                                         \
    LAUNCH_SYSCALL(pread64)                                                                        \
    LAUNCH_SYSCALL(pwrite64)                                                                       \
    LAUNCH_SYSCALL(open)                                                                           \
    LAUNCH_SYSCALL(openat)                                                                         \
    LAUNCH_SYSCALL(close)                                                                          \
    LAUNCH_SYSCALL(lseek)                                                                          \
    LAUNCH_SYSCALL(_llseek)                                                                        \
    LAUNCH_SYSCALL(stat)                                                                           \
    LAUNCH_SYSCALL(lstat)                                                                          \
    LAUNCH_SYSCALL(fstat)                                                                          \
    LAUNCH_SYSCALL(newfstatat)                                                                     \
    LAUNCH_SYSCALL(stat64)                                                                         \
    LAUNCH_SYSCALL(lstat64)                                                                        \
    LAUNCH_SYSCALL(fstat64)                                                                        \
    LAUNCH_SYSCALL(fstatat64)                                                                      \
    LAUNCH_SYSCALL(statx)                                                                          \
    LAUNCH_SYSCALL(statfs)                                                                         \
    LAUNCH_SYSCALL(fstatfs)                                                                        \
    LAUNCH_SYSCALL(statfs64)                                                                       \
    LAUNCH_SYSCALL(fstatfs64)                                                                      \
    LAUNCH_SYSCALL(access)                                                                         \
    LAUNCH_SYSCALL(faccessat)                                                                      \
    LAUNCH_SYSCALL(readlink)                                                                       \
    LAUNCH_SYSCALL(readlinkat)                                                                     \
    LAUNCH_SYSCALL(getdents)                                                                       \
    LAUNCH_SYSCALL(getdents64)                                                                     \
    LAUNCH_SYSCALL(getcwd)                                                                         \
    LAUNCH_SYSCALL(dup)                                                                            \
    LAUNCH_SYSCALL(dup2)                                                                           \
    LAUNCH_SYSCALL(dup3)                                                                           \
    LAUNCH_SYSCALL(flock)                                                                          \
    LAUNCH_SYSCALL(fsync)                                                                          \
    LAUNCH_SYSCALL(fdatasync)                                                                      \
    LAUNCH_SYSCALL(ftruncate)                                                                      \
    LAUNCH_SYSCALL(ftruncate64)                                                                    \
    LAUNCH_SYSCALL(pipe)                                                                           \
    LAUNCH_SYSCALL(pipe2)                                                                          \
    LAUNCH_SYSCALL(umask)                                                                          \
    /* memory */                                                                                   \
    LAUNCH_SYSCALL(mmap)                                                                           \
    LAUNCH_SYSCALL(mmap2)                                                                          \
    LAUNCH_SYSCALL(munmap)                                                                         \
    LAUNCH_SYSCALL(mprotect)                                                                       \
    LAUNCH_SYSCALL(mremap)                                                                         \
    LAUNCH_SYSCALL(madvise)                                                                        \
    LAUNCH_SYSCALL(mincore)                                                                        \
    LAUNCH_SYSCALL(brk)                                                                            \
    LAUNCH_SYSCALL(membarrier)                                                                     \
    /* time */                                                                                     \
    LAUNCH_SYSCALL(clock_gettime)                                                                  \
    LAUNCH_SYSCALL(clock_gettime64)                                                                \
    LAUNCH_SYSCALL(clock_getres)                                                                   \
    LAUNCH_SYSCALL(clock_getres_time64)                                                            \
    LAUNCH_SYSCALL(clock_nanosleep)                                                                \
    LAUNCH_SYSCALL(clock_nanosleep_time64)                                                         \
    LAUNCH_SYSCALL(nanosleep)                                                                      \
    LAUNCH_SYSCALL(gettimeofday)                                                                   \
    LAUNCH_SYSCALL(time)                                                                           \
    LAUNCH_SYSCALL(timerfd_create)                                                                 \
    LAUNCH_SYSCALL(timerfd_settime)                                                                \
    LAUNCH_SYSCALL(timerfd_settime64)                                                              \
    LAUNCH_SYSCALL(timerfd_gettime)                                                                \
    LAUNCH_SYSCALL(timerfd_gettime64)                                                              \
    LAUNCH_SYSCALL(setitimer)                                                                      \
    /* waiting */                                                                                  \
    LAUNCH_SYSCALL(poll)                                                                           \
    LAUNCH_SYSCALL(ppoll)                                                                          \
    LAUNCH_SYSCALL(ppoll_time64)                                                                   \
    LAUNCH_SYSCALL(select)                                                                         \
    LAUNCH_SYSCALL(_newselect)                                                                     \
    LAUNCH_SYSCALL(pselect6)                                                                       \
    LAUNCH_SYSCALL(pselect6_time64)                                                                \
    LAUNCH_SYSCALL(epoll_create)                                                                   \
    LAUNCH_SYSCALL(epoll_create1)                                                                  \
    LAUNCH_SYSCALL(epoll_ctl)                                                                      \
    LAUNCH_SYSCALL(epoll_wait)                                                                     \
    LAUNCH_SYSCALL(epoll_pwait)                                                                    \
    LAUNCH_SYSCALL(epoll_pwait2)                                                                   \
    LAUNCH_SYSCALL(eventfd)                                                                        \
    LAUNCH_SYSCALL(eventfd2)                                                                       \
    LAUNCH_SYSCALL(signalfd)                                                                       \
    LAUNCH_SYSCALL(signalfd4)                                                                      \
    LAUNCH_SYSCALL(pause)                                                                          \
    /* signals */                                                                                  \
    LAUNCH_SYSCALL(rt_sigaction)                                                                   \
    LAUNCH_SYSCALL(rt_sigprocmask)                                                                 \
    LAUNCH_SYSCALL(rt_sigreturn)                                                                   \
    LAUNCH_SYSCALL(sigreturn)                                                                      \
    LAUNCH_SYSCALL(rt_sigsuspend)                                                                  \
    LAUNCH_SYSCALL(rt_sigpending)                                                                  \
    LAUNCH_SYSCALL(rt_sigtimedwait)                                                                \
    LAUNCH_SYSCALL(rt_sigtimedwait_time64)                                                         \
    LAUNCH_SYSCALL(sigaltstack)                                                                    \
    LAUNCH_SYSCALL(restart_syscall)                                                                \
    /* the process itself */                                                                       \
    LAUNCH_SYSCALL(execve)                                                                         \
    LAUNCH_SYSCALL(exit)                                                                           \
    LAUNCH_SYSCALL(exit_group)                                                                     \
    LAUNCH_SYSCALL(getpid)                                                                         \
    LAUNCH_SYSCALL(getppid)                                                                        \
    LAUNCH_SYSCALL(gettid)                                                                         \
    LAUNCH_SYSCALL(getpgrp)                                                                        \
    LAUNCH_SYSCALL(getpgid)                                                                        \
    LAUNCH_SYSCALL(getsid)                                                                         \
    LAUNCH_SYSCALL(getuid)                                                                         \
    LAUNCH_SYSCALL(geteuid)                                                                        \
    LAUNCH_SYSCALL(getgid)                                                                         \
    LAUNCH_SYSCALL(getegid)                                                                        \
    LAUNCH_SYSCALL(getgroups)                                                                      \
    LAUNCH_SYSCALL(getuid32)                                                                       \
    LAUNCH_SYSCALL(geteuid32)                                                                      \
    LAUNCH_SYSCALL(getgid32)                                                                       \
    LAUNCH_SYSCALL(getegid32)                                                                      \
    LAUNCH_SYSCALL(getgroups32)                                                                    \
    LAUNCH_SYSCALL(getresuid)                                                                      \
    LAUNCH_SYSCALL(getresgid)                                                                      \
    LAUNCH_SYSCALL(getrlimit)                                                                      \
    LAUNCH_SYSCALL(ugetrlimit)                                                                     \
    LAUNCH_SYSCALL(getrusage)                                                                      \
    LAUNCH_SYSCALL(times)                                                                          \
    LAUNCH_SYSCALL(sysinfo)                                                                        \
    LAUNCH_SYSCALL(uname)                                                                          \
    LAUNCH_SYSCALL(getcpu)                                                                         \
    LAUNCH_SYSCALL(getrandom)                                                                      \
    LAUNCH_SYSCALL(prctl)                                                                          \
    LAUNCH_SYSCALL(arch_prctl)                                                                     \
    /* threads (of libcurl and libusb) */                                                          \
    LAUNCH_SYSCALL(futex)                                                                          \
    LAUNCH_SYSCALL(futex_time64)                                                                   \
    LAUNCH_SYSCALL(set_tid_address)                                                                \
    LAUNCH_SYSCALL(set_robust_list)                                                                \
    LAUNCH_SYSCALL(get_robust_list)                                                                \
    LAUNCH_SYSCALL(rseq)                                                                           \
    LAUNCH_SYSCALL(sched_yield)                                                                    \
    LAUNCH_SYSCALL(sched_getaffinity)                                                              \
    /* sockets; socket() itself depends on the profile */                                          \
    LAUNCH_SYSCALL(socketpair)                                                                     \
    LAUNCH_SYSCALL(connect)                                                                        \
    LAUNCH_SYSCALL(bind)                                                                           \
    LAUNCH_SYSCALL(accept)                                                                         \
    LAUNCH_SYSCALL(accept4)                                                                        \
    LAUNCH_SYSCALL(send)                                                                           \
    LAUNCH_SYSCALL(sendto)                                                                         \
    LAUNCH_SYSCALL(sendmsg)                                                                        \
    LAUNCH_SYSCALL(sendmmsg)                                                                       \
    LAUNCH_SYSCALL(recv)                                                                           \
    LAUNCH_SYSCALL(recvfrom)                                                                       \
    LAUNCH_SYSCALL(recvmsg)                                                                        \
    LAUNCH_SYSCALL(recvmmsg)                                                                       \
    LAUNCH_SYSCALL(recvmmsg_time64)                                                                \
    LAUNCH_SYSCALL(shutdown)                                                                       \
    LAUNCH_SYSCALL(getsockopt)                                                                     \
    LAUNCH_SYSCALL(setsockopt)                                                                     \
    LAUNCH_SYSCALL(getsockname)                                                                    \
    LAUNCH_SYSCALL(getpeername)

#endif
