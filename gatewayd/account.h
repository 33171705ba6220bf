/* Account: the user that the daemon runs as, and the folders that are its own.
 *
 * Started as root it becomes the user `gatewayd` (or --user NAME); started as another user it stays
 * that one. Permanent: there is no way back to root.
 */
#ifndef GATEWAYD_ACCOUNT_H
#define GATEWAYD_ACCOUNT_H

#include <sys/types.h>

#include "config.h"
#include "err.h"

#define ACCOUNT_DEFAULT_USER "gatewayd"

/* The group that may change something, (gid_t)-1 when it does not exist. */
gid_t account_admin_gid(const struct config *config);

/* Make state_dir, cache_dir, run_dir and run_dir/bus, and give them to `user` (NULL: gatewayd when
 * root, else the running user); then become that user. GW_CONFIG: the user does not exist (*error
 * says how to make it) or cannot be taken. GW_CACHE_UNSAFE, GW_IO: a folder. */
MUST_USE enum gw_err account_become(const struct config *config, const char *user,
                                    struct gw_error *error);

/* Hold run_dir/lock until the process ends. GW_BUSY: another gatewayd runs there (*error has its
 * process id). GW_IO. */
MUST_USE enum gw_err account_lock(const struct config *config, struct gw_error *error);

#endif
