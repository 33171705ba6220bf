/* gatewaypkg plan: the gateway's own plan, on a saved inventory. */
#include "plan.h"

#include <stdlib.h>

#include "ctl_plan.h"
#include "pkg.h"
#include "pkg_file.h"
#include "pkg_open.h"

enum { INVENTORY_BYTES_MAX = JSON_BYTES_MAX };

static enum gw_err load_inventory(struct inventory *out, const char *path, struct gw_error *error)
{
    struct json_where where;
    struct json *json;
    uint8_t *text;
    size_t len;
    enum gw_err err = pkg_file_load(&text, &len, path, INVENTORY_BYTES_MAX, error);

    if (err) {
        return err;
    }
    err = json_parse(&json, (const char *)text, len, JSON_STRICT, &where);
    free(text);
    if (err == GW_BAD_MESSAGE) {
        return gw_fail(error, GW_BAD_PARAMETER, "%s:%u:%u: %s", path, where.line, where.column,
                       where.why);
    }
    if (!err) {
        err = inventory_from_json(out, json, error);
        json_free(json);
    }
    return err;
}

/* The first refusal decides the exit status, as with gatewayctl plan. */
static int exit_code_of(const struct plan *plan)
{
    for (size_t i = 0; i < plan->step_count && !plan->is_ok; i++) {
        if (plan->steps[i].action == PLAN_REFUSE) {
            return (int)gw_code_of(plan->steps[i].error.err)->exit_code;
        }
    }
    return EXIT_DONE;
}

static void show(struct pkg *pkg, const struct plan *plan, const struct package *package,
                 const struct inventory *inventory, const char *path, bool is_verified)
{
    struct json *json = plan_to_json(plan, package, inventory);

    json_set_bool(json, "verified", is_verified);
    if (pkg->json) {
        struct json *root = json_new_object();

        (void)json_set(root, "plan", json);
        pkg_put_json(pkg, root);
        return;
    }
    render_plan(pkg->out, json, path, &pkg->style);
    json_free(json);
}

static enum gw_err make_plan(struct pkg *pkg, const struct pkg_arguments *a,
                             const struct pkg_trust *trust, const struct inventory *inventory,
                             struct gw_error *error)
{
    struct plan_policy policy = { .mode = PLAN_AUTO, .cache_room_bytes = UINT64_MAX };
    const char *path = a->words[0];
    struct package *package;
    struct plan plan;
    uint64_t size;
    FILE *file;
    enum gw_err err = pkg_file_open(&file, &size, path, error);

    if (err) {
        return err;
    }
    err = pkg_open(&package, file, path, size, trust, a->system, error);
    (void)fclose(file);
    if (err) {
        return err;
    }
    plan_make(&plan, package, inventory, &policy);
    show(pkg, &plan, package, inventory, path, trust->is_verified);
    pkg->exit_code = exit_code_of(&plan);
    plan_free(&plan);
    package_free(package);
    return GW_OK;
}

enum gw_err pkg_plan(struct pkg *pkg, const struct pkg_arguments *a, struct gw_error *error)
{
    struct inventory inventory;
    struct pkg_trust trust;
    enum gw_err err;

    if (!a->inventory) {
        return gw_fail(error, GW_USAGE,
                       "plan needs --inventory FILE: save gatewayctl devices --json");
    }
    err = pkg_trust_load(&trust, a->trust, error);
    if (err) {
        return err;
    }
    err = load_inventory(&inventory, a->inventory, error);
    if (!err) {
        err = make_plan(pkg, a, &trust, &inventory, error);
        inventory_free(&inventory);
    }
    pkg_trust_free(&trust);
    return err;
}
