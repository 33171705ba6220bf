/* Landlock: which files a process may open, which ports and processes it may reach. The version of
 * the running kernel is asked; what it does not have is left out (kernel 6.1: files only; 6.7: TCP
 * ports; 6.10: device ioctls; 6.12: signals and abstract sockets). Source: landlock(7). */
#ifndef LAUNCH_LANDLOCK_H
#define LAUNCH_LANDLOCK_H

#include <stdbool.h>

enum landlock_grant { GRANT_READ, GRANT_READ_EXECUTE, GRANT_WRITE };

struct landlock {
    int abi;     /* of the kernel; 0 = no Landlock */
    int ruleset; /* descriptor */
};

/* The kernel's Landlock version; 0 = none. */
int landlock_abi(void);

/* Everything is forbidden but what is granted next. `may_connect`: TCP connections (none may
 * listen). False: errno; no Landlock here is not an error (abi 0, grants do nothing). */
bool landlock_begin(struct landlock *l, bool may_connect);

/* Grant the file, or the folder with all below. False with errno when it cannot be opened (ENOENT).
 */
bool landlock_grant(struct landlock *l, const char *path, enum landlock_grant grant);

/* From here on, for this process and what it executes. no_new_privs must be set. */
bool landlock_enforce(struct landlock *l);

#endif
