/* Seccomp: which system calls a child may make. A list of what is permitted; anything else answers
 * ENOSYS, so that libraries fall back where they can. Source: seccomp(2). */
#ifndef LAUNCH_SECCOMP_H
#define LAUNCH_SECCOMP_H

#include <stdbool.h>

/* Is there a table for this processor? (x86-64, 64-bit and 32-bit ARM) */
bool seccomp_has_table(void);

/* Filter this process and what it executes: socket() only for the families of `sockets` (enum
 * launch_sockets), kill() and tgkill() only for this process itself, clone() only for threads.
 * no_new_privs must be set. False with errno. */
bool seccomp_enforce(unsigned sockets);

#endif
