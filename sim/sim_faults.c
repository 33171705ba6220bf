#include <string.h>

#include "json.h"
#include "sim_field.h"

static enum gw_err bad(struct gw_error *error, const char *key, const char *why)
{
    return gw_fail(error, GW_CONFIG, "%s: %s", key, why);
}

static bool read_self_test(enum sim_self_test *out, const char *word)
{
    static const char *const words[] = { "pass", "fail", "hang" };

    for (unsigned i = 0; word && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (enum sim_self_test)i;
            return true;
        }
    }
    return false;
}

static bool read_number(uint64_t *out, const struct json *value, uint64_t max)
{
    int64_t number;

    if (!json_integer(value, &number) || number < 0 || (uint64_t)number > max) {
        return false;
    }
    *out = (uint64_t)number;
    return true;
}

static bool read_member(struct sim_faults *out, const char *key, const struct json *value,
                        bool *is_known)
{
    uint64_t sequence;

    *is_known = true;
    if (strcmp(key, "self_test") == 0) {
        return read_self_test(&out->self_test, json_string(value));
    }
    if (strcmp(key, "self_test_sequence") == 0) {
        bool ok = read_number(&sequence, value, UINT32_MAX);

        out->self_test_sequence = ok ? (uint32_t)sequence : 0;
        return ok;
    }
    if (strcmp(key, "silent") == 0) {
        out->is_silent = json_bool(value, false);
        return json_is_bool(value);
    }
    if (strcmp(key, "nonsense") == 0) {
        out->talks_nonsense = json_bool(value, false);
        return json_is_bool(value);
    }
    if (strcmp(key, "reboot_at_offset") == 0) {
        return read_number(&out->reboot_at_offset, value, INT64_MAX);
    }
    if (strcmp(key, "dead_after_bytes") == 0) {
        return read_number(&out->dead_after_bytes, value, INT64_MAX);
    }
    *is_known = false;
    return false;
}

enum gw_err sim_faults_read(struct sim_faults *out, const struct json *json, struct gw_error *error)
{
    memset(out, 0, sizeof *out);
    if (json && !json_is_object(json)) {
        return gw_fail(error, GW_CONFIG, "must be an object");
    }
    for (const struct json *m = json_first(json); m; m = json_next(m)) {
        bool is_known;

        if (!read_member(out, json_key(m), m, &is_known)) {
            memset(out, 0, sizeof *out);
            return bad(error, json_key(m), is_known ? "has a wrong value" : "unknown key");
        }
    }
    return GW_OK;
}
