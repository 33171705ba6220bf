#include "account.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GROUPS_MAX = 256 };

gid_t account_admin_gid(const struct config *config)
{
    const struct group *group = getgrnam(config->admin_group);

    return group ? group->gr_gid : (gid_t)-1;
}

/* One folder of `uid` that no other may write. A new one is made and given to `uid`; one that is
 * there must be `uid`'s already, so that a wrong path in the configuration changes nothing. */
static enum gw_err own_folder(const char *path, mode_t mode, uid_t uid, gid_t gid,
                              struct gw_error *error)
{
    bool is_new = mkdir(path, mode) == 0;
    struct stat st;

    if (!is_new && errno != EEXIST) {
        return gw_fail(error, GW_IO, "%s: %s", path, strerror(errno));
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int failed = fd < 0 || (is_new && (fchown(fd, uid, gid) || fchmod(fd, mode))) || fstat(fd, &st);

    if (fd >= 0) {
        close(fd);
    }
    if (failed) {
        return gw_fail(error, GW_IO, "%s: %s", path, strerror(errno));
    }
    if (st.st_uid != uid || (st.st_mode & (S_IWGRP | S_IWOTH))) {
        return gw_fail(error, GW_CACHE_UNSAFE, "%s: chown it to uid %u, and chmod go-w", path,
                       (unsigned)uid);
    }
    return GW_OK;
}

static enum gw_err own_folders(const struct config *config, uid_t uid, gid_t gid,
                               struct gw_error *error)
{
    char bus_dir[PATH_MAX + 8];
    enum gw_err err = own_folder(config->state_dir, 0700, uid, gid, error);

    (void)snprintf(bus_dir, sizeof bus_dir, "%s/bus", config->run_dir);
    if (!err) {
        err = own_folder(config->cache_dir, 0700, uid, gid, error);
    }
    if (!err) {
        err = own_folder(config->run_dir, 0755, uid, gid, error);
    }
    return err ? err : own_folder(bus_dir, 0700, uid, gid, error);
}

/* The user's groups and the admin group: it owns the control socket. */
static int take_groups(const struct passwd *user, gid_t admin_gid)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX - 1;

    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0) {
        return -1;
    }
    if (admin_gid != (gid_t)-1) {
        groups[count++] = admin_gid;
    }
    return setgroups((size_t)count, groups);
}

static enum gw_err switch_to(const struct passwd *user, gid_t admin_gid, struct gw_error *error)
{
    if (take_groups(user, admin_gid) || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid)) {
        return gw_fail(error, GW_CONFIG, "cannot become user %s: %s", user->pw_name,
                       strerror(errno));
    }
    return GW_OK;
}

enum gw_err account_become(const struct config *config, const char *user, struct gw_error *error)
{
    const struct passwd *entry;
    enum gw_err err;

    if (geteuid() != 0 && !user) {
        return own_folders(config, geteuid(), getegid(), error);
    }
    entry = getpwnam(user ? user : ACCOUNT_DEFAULT_USER);
    if (!entry) {
        return gw_fail(error, GW_CONFIG,
                       "user %s does not exist: adduser --system --group --home /var/lib/gatewayd "
                       "gatewayd, or start with --user NAME",
                       user ? user : ACCOUNT_DEFAULT_USER);
    }
    if (geteuid() != 0 && entry->pw_uid != geteuid()) {
        return gw_fail(error, GW_CONFIG, "only root can become user %s", entry->pw_name);
    }
    err = own_folders(config, entry->pw_uid, entry->pw_gid, error);
    if (err || geteuid() != 0) {
        return err;
    }
    return switch_to(entry, account_admin_gid(config), error);
}

enum gw_err account_lock(const struct config *config, struct gw_error *error)
{
    char path[PATH_MAX + 8], pid[32] = "";
    int len;

    (void)snprintf(path, sizeof path, "%s/lock", config->run_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        return gw_fail(error, GW_IO, "%s: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        (void)!read(fd, pid, sizeof pid - 1);
        close(fd);
        pid[strcspn(pid, "\n")] = '\0';
        return gw_fail(error, GW_BUSY, "another gatewayd runs in %s: process %s", config->run_dir,
                       pid);
    }
    len = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) || write(fd, pid, (size_t)len) != len) {
        close(fd);
        return gw_fail(error, GW_IO, "%s: %s", path, strerror(errno));
    }
    return GW_OK; /* the descriptor stays open on purpose: it is the lock */
}
