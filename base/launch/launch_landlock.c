#include "launch_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the header of Debian 12 does not have yet. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* ABI 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP    (1ULL << 0) /* ABI 4 */
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0) /* ABI 6 */
#define LANDLOCK_SCOPE_SIGNAL               (1ULL << 1)
#endif

/* The kernel's struct as of ABI 6; older kernels take its first members. */
struct ruleset_attributes {
    uint64_t files, net, scopes;
};

static const uint64_t file_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

/* The rights that make sense on something that is not a folder; others are EINVAL there. */
static const uint64_t file_only = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                  LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_TRUNCATE |
                                  LANDLOCK_ACCESS_FS_IOCTL_DEV;

/* All rights on files that this ABI knows: what is forbidden unless granted. */
static uint64_t all_file_rights(int abi)
{
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

    rights |= abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
    rights |= abi >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0;
    rights |= abi >= 5 ? LANDLOCK_ACCESS_FS_IOCTL_DEV : 0;
    return rights;
}

static uint64_t rights_of(enum landlock_grant grant, int abi)
{
    switch (grant) {
    case GRANT_READ:
        return file_read;
    case GRANT_READ_EXECUTE:
        return file_read | LANDLOCK_ACCESS_FS_EXECUTE;
    case GRANT_WRITE:
        return all_file_rights(abi) &
               ~(uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                           LANDLOCK_ACCESS_FS_MAKE_BLOCK);
    }
    return 0;
}

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return abi > 0 ? (int)abi : 0;
}

bool landlock_begin(struct landlock *l, bool may_connect)
{
    *l = (struct landlock){ landlock_abi(), -1 };
    struct ruleset_attributes attributes = {
        .files = all_file_rights(l->abi),
        .net = LANDLOCK_ACCESS_NET_BIND_TCP | (may_connect ? 0 : LANDLOCK_ACCESS_NET_CONNECT_TCP),
        .scopes = LANDLOCK_SCOPE_SIGNAL | LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET,
    };
    size_t size = l->abi >= 6   ? sizeof attributes
                  : l->abi >= 4 ? offsetof(struct ruleset_attributes, scopes)
                                : offsetof(struct ruleset_attributes, net);

    if (l->abi == 0) {
        return true;
    }
    l->ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
    return l->ruleset >= 0;
}

bool landlock_grant(struct landlock *l, const char *path, enum landlock_grant grant)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0) {
        return false;
    }
    bool granted = l->abi == 0;

    if (!granted && fstat(fd, &st) == 0) {
        struct landlock_path_beneath_attr rule = { rights_of(grant, l->abi), fd };

        rule.allowed_access &= S_ISDIR(st.st_mode) ? ~(uint64_t)0 : file_only;
        granted = syscall(SYS_landlock_add_rule, l->ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule,
                          0) == 0;
    }
    int why = errno;

    (void)close(fd);
    errno = why;
    return granted;
}

bool landlock_enforce(struct landlock *l)
{
    if (l->abi == 0) {
        return true;
    }
    bool enforced = syscall(SYS_landlock_restrict_self, l->ruleset, 0) == 0;
    int why = errno;

    (void)close(l->ruleset);
    errno = why;
    return enforced;
}
