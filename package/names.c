#include "names.h"

#include <string.h>

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z0-9] and then up to max - 1 of [a-z0-9] or `others`. */
static bool is_word(const char *name, const char *others, size_t max)
{
    if (!name || !is_lower_alnum(name[0])) {
        return false;
    }
    for (size_t i = 0; name[i]; i++) {
        if (i == max || (!is_lower_alnum(name[i]) && !strchr(others, name[i]))) {
            return false;
        }
    }
    return true;
}

bool name_is_member(const char *name)
{
    return is_word(name, "._/-", MEMBER_NAME_MAX - 1) && !strstr(name, "..");
}

bool name_is_component(const char *name)
{
    return is_word(name, "-", COMPONENT_NAME_MAX - 1);
}

bool name_is_system(const char *name)
{
    return is_word(name, "._/-", SYSTEM_NAME_MAX - 1) && !strstr(name, "..");
}

bool name_is_domain(const char *name)
{
    if (!is_word(name, ".-", VENDOR_DOMAIN_MAX - 1)) {
        return false;
    }
    for (const char *c = name; *c; c++) {
        bool ends_label = c[1] == '.' || c[1] == '\0';

        if (*c == '.' && (ends_label || c[1] == '-')) {
            return false;
        }
        if (*c == '-' && ends_label) {
            return false;
        }
    }
    return true;
}

bool text_is_printable(const char *text, size_t min, size_t max)
{
    if (!text) {
        return false;
    }
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i], next = (unsigned char)text[i + 1];

        /* C0, DEL, and C1 as UTF-8: U+0080 to U+009F */
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && next < 0xa0)) {
            return false;
        }
    }
    return len >= min && len <= max;
}
