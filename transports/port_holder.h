/* Port holder: which process has a device node open, as far as /proc shows it to us. */
#ifndef TRANSPORTS_PORT_HOLDER_H
#define TRANSPORTS_PORT_HOLDER_H

#include <stddef.h>

/* Write who has `node` (a path without symbolic links) open: "process 812 (minicom)", several with
 * commas, or the command that tells a person with more rights: "fuser -v /dev/ttyUSB0 shows who".
 */
void port_holder_describe(char *out, size_t cap, const char *node);

#endif
