/* What each kind of child process may touch, as data. A launch = its profile plus what the bus's
 * configuration adds. */
#ifndef LAUNCH_PROFILE_H
#define LAUNCH_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

/* Sets of socket families, for socket(2). */
enum launch_sockets {
    SOCKETS_UNIX = 1,
    SOCKETS_INET = 2, /* IPv4 and IPv6 */
    SOCKETS_NETLINK = 4,
};

struct launch_profile {
    const char *name;         /* "serial" */
    const char *const *read;  /* files and folders, NULL-terminated; missing ones are skipped */
    const char *const *write; /* the same, for reading and writing */
    unsigned sockets;         /* of enum launch_sockets */
};

/* The profile of that name, NULL when there is none. */
const struct launch_profile *launch_profile_find(const char *name);

/* What every profile may read and execute / read. */
extern const char *const launch_read_execute[];
extern const char *const launch_read[];

/* "unix", "inet", "netlink"; 0 = another word. */
unsigned launch_sockets_parse(const char *word);

#endif
