/* Peer: who is at the other end of a Unix socket, and what it may do.
 *
 * The kernel tells it (SO_PEERCRED, SO_PEERGROUPS: unix(7)) as of the moment of connect(2);
 * supplementary groups count. The decision itself is pure.
 */
#ifndef GATEWAYD_PEER_H
#define GATEWAYD_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "err.h"

enum { PEER_GROUPS_MAX = 256 };

struct peer {
    pid_t pid;
    uid_t uid;
    gid_t groups[PEER_GROUPS_MAX]; /* the primary one first */
    unsigned group_count;
};

/* Of the connected Unix socket `fd`. GW_OK or GW_IO. Groups over PEER_GROUPS_MAX are left out. */
MUST_USE enum gw_err peer_of(struct peer *out, int fd);

/* Who may change something: uid 0, the daemon's own uid, members of admin_gid ((gid_t)-1: no such
 * group). */
bool peer_may_change(const struct peer *peer, uid_t own_uid, gid_t admin_gid);

#endif
