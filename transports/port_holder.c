#include "port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* By file, not by name: /dev/serial/by-id leads to the same node. */
static bool has_open(const char *fd_folder, const struct stat *node)
{
    DIR *dir = opendir(fd_folder);
    bool found = false;

    if (!dir) {
        return false; /* another user's process */
    }
    for (const struct dirent *e = readdir(dir); e && !found; e = readdir(dir)) {
        struct stat st;

        found = fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && st.st_dev == node->st_dev &&
                st.st_ino == node->st_ino;
    }
    (void)closedir(dir);
    return found;
}

static void read_name(char out[17], const char *pid)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    FILE *file = fopen(path, "re");

    if (!file || !fgets(out, 17, file)) {
        (void)strcpy(out, "?");
    }
    if (file) {
        (void)fclose(file);
    }
    for (char *c = out; *c; c++) {
        if (!isprint((unsigned char)*c)) {
            *c = '\0';
            break;
        }
    }
}

void port_holder_describe(char *out, size_t cap, const char *node)
{
    struct stat st;
    size_t len = 0;

    (void)snprintf(out, cap, "fuser -v %s shows who", node);
    DIR *proc = stat(node, &st) == 0 ? opendir("/proc") : NULL;

    if (!proc) {
        return;
    }
    for (const struct dirent *e = readdir(proc); e && len < cap; e = readdir(proc)) {
        char folder[64], name[17];

        if (!isdigit((unsigned char)e->d_name[0]) || atol(e->d_name) == (long)getpid()) {
            continue;
        }
        (void)snprintf(folder, sizeof folder, "/proc/%.20s/fd", e->d_name);
        if (has_open(folder, &st)) {
            read_name(name, e->d_name);
            len += (size_t)snprintf(out + len, cap - len, "%sprocess %.20s (%s)", len ? ", " : "",
                                    e->d_name, name);
        }
    }
    (void)closedir(proc);
}
