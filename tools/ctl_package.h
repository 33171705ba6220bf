/* The package argument of plan and install: a URL, a file, or '-'. */
#ifndef TOOLS_CTL_PACKAGE_H
#define TOOLS_CTL_PACKAGE_H

#include <stdbool.h>

#include "json.h"

struct package_argument {
    const char *url; /* NULL = the descriptor */
    int descriptor;  /* regular file, read-only; or a pipe; -1 = none */
    char name[128];  /* of the file, for people; "" = none */
};

/* NULL: *out is open, package_close() it. Else the failure. `takes_pipe`: may '-' be a pipe? */
struct json *package_open(struct package_argument *out, const char *argument, bool takes_pipe);
void package_close(struct package_argument *package);

#endif
