/* An authority that trusts nobody and opens everything whose structure and signatures are right.
 *
 * For showing and building only, never for deciding: nobody knows who signed. It lives in the
 * tools, so that a daemon cannot link it by accident.
 */
#ifndef TOOLS_PKG_INSPECT_H
#define TOOLS_PKG_INSPECT_H

#include "authority.h"

extern const struct authority pkg_inspect;

#endif
