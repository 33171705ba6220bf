#include "launch_seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launch_profile.h"
#include "launch_syscalls.h"

#if defined(__x86_64__) && defined(__LP64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__) && defined(__ARM_EABI__)
#define THIS_ARCH AUDIT_ARCH_ARM
#else
#define THIS_ARCH 0
#endif

/* ARM's private calls: cacheflush, set_tls. */
enum { ARM_CACHEFLUSH = 0x0f0002, ARM_SET_TLS = 0x0f0005 };

/* A name may stand for -1, so the list has holes. */
#define LAUNCH_SYSCALL(name) SYS_##name,
static const long permitted[] = { LAUNCH_SYSCALLS(LAUNCH_SYSCALL) };
#undef LAUNCH_SYSCALL

enum {
    PERMITTED = sizeof permitted / sizeof permitted[0],
    PROGRAM_MAX = 2 * PERMITTED + 80,
    /* Arguments are 64 bits; these are the low halves (all three processors are little-endian). */
    ARGUMENT_0 = offsetof(struct seccomp_data, args[0]),
    ARGUMENT_1 = offsetof(struct seccomp_data, args[1]),
};

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short len;
};

static void emit(struct program *p, unsigned code, uint32_t k, unsigned jump_true,
                 unsigned jump_false)
{
    p->code[p->len++] = (struct sock_filter){ (uint16_t)code, (uint8_t)jump_true,
                                              (uint8_t)jump_false, k };
}

static void emit_load(struct program *p, uint32_t offset)
{
    emit(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void emit_return(struct program *p, uint32_t action)
{
    emit(p, BPF_RET | BPF_K, action, 0, 0);
}

/* If what is loaded equals `value`: return `action`. */
static void emit_case(struct program *p, long value, uint32_t action)
{
    if (value != -1) {
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)value, 0, 1);
        emit_return(p, action);
    }
}

/* If the call is `number`: go on with `count` more instructions, else skip them. */
static void emit_when(struct program *p, long number, unsigned count)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, count);
}

/* `number` is permitted when its first argument is `value`. */
static void emit_only_for(struct program *p, long number, uint32_t value)
{
    emit_when(p, number, 4);
    emit_load(p, ARGUMENT_0);
    emit_case(p, value, SECCOMP_RET_ALLOW);
    emit_return(p, SECCOMP_RET_ERRNO | EPERM);
}

/* `number` is permitted unless its second argument is one of the `count` values. */
static void emit_except_for(struct program *p, long number, const uint32_t *values, unsigned count)
{
    emit_when(p, number, 2 * count + 2);
    emit_load(p, ARGUMENT_1);
    for (unsigned i = 0; i < count; i++) {
        emit_case(p, values[i], SECCOMP_RET_ERRNO | EPERM);
    }
    emit_return(p, SECCOMP_RET_ALLOW);
}

/* The owner of a descriptor is signalled when something comes, whoever it is; and what is typed
 * into the daemon's terminal, a shell reads. */
static void emit_descriptor_rules(struct program *p)
{
    static const uint32_t owners[] = { F_SETOWN, F_SETOWN_EX };
    static const uint32_t controls[] = { FIOSETOWN, SIOCSPGRP, TIOCSTI, TIOCLINUX };

    emit_except_for(p, SYS_fcntl, owners, sizeof owners / sizeof owners[0]);
    emit_except_for(p, SYS_fcntl64, owners, sizeof owners / sizeof owners[0]);
    emit_except_for(p, SYS_ioctl, controls, sizeof controls / sizeof controls[0]);
}

static void emit_socket_rule(struct program *p, unsigned sockets)
{
    struct program rule = { .len = 0 };

    emit_load(&rule, ARGUMENT_0);
    emit_case(&rule, sockets & SOCKETS_UNIX ? AF_UNIX : -1, SECCOMP_RET_ALLOW);
    emit_case(&rule, sockets & SOCKETS_INET ? AF_INET : -1, SECCOMP_RET_ALLOW);
    emit_case(&rule, sockets & SOCKETS_INET ? AF_INET6 : -1, SECCOMP_RET_ALLOW);
    emit_case(&rule, sockets & SOCKETS_NETLINK ? AF_NETLINK : -1, SECCOMP_RET_ALLOW);
    emit_return(&rule, SECCOMP_RET_ERRNO | EAFNOSUPPORT);

    emit_when(p, SYS_socket, rule.len);
    for (unsigned i = 0; i < rule.len; i++) {
        p->code[p->len++] = rule.code[i];
    }
}

/* Threads, no processes: the flag is in the first argument on all three processors. */
static void emit_clone_rule(struct program *p)
{
    emit_when(p, SYS_clone, 4);
    emit_load(p, ARGUMENT_0);
    emit(p, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
    emit_return(p, SECCOMP_RET_ALLOW);
    emit_return(p, SECCOMP_RET_ERRNO | EPERM);
}

static void build(struct program *p, unsigned sockets)
{
    p->len = 0;
    emit_load(p, offsetof(struct seccomp_data, arch));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
    emit_return(p, SECCOMP_RET_KILL_PROCESS); /* i386 or x32 calls would mean other things */
    emit_load(p, offsetof(struct seccomp_data, nr));
    for (unsigned i = 0; i < PERMITTED; i++) {
        emit_case(p, permitted[i], SECCOMP_RET_ALLOW);
    }
    emit_case(p, THIS_ARCH == AUDIT_ARCH_ARM ? ARM_CACHEFLUSH : -1, SECCOMP_RET_ALLOW);
    emit_case(p, THIS_ARCH == AUDIT_ARCH_ARM ? ARM_SET_TLS : -1, SECCOMP_RET_ALLOW);
    emit_descriptor_rules(p);
    emit_socket_rule(p, sockets);
    emit_clone_rule(p);
    /* The pid stays the same across exec. 0 would be the whole process group, the core's. */
    emit_only_for(p, SYS_kill, (uint32_t)getpid());
    emit_only_for(p, SYS_tgkill, (uint32_t)getpid());
    emit_only_for(p, SYS_prlimit64, 0);
    emit_return(p, SECCOMP_RET_ERRNO | ENOSYS);
}

bool seccomp_has_table(void)
{
    return THIS_ARCH != 0;
}

bool seccomp_enforce(unsigned sockets)
{
    struct program program;

    build(&program, sockets);
    struct sock_fprog filter = { program.len, program.code };

    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}
