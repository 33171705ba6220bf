/* A stream of messages into the splitter, both parsers and the service's own answers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "interfaces.h"
#include "varlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void try_message(const char *text, size_t len)
{
    static const struct varlink_interface *const interfaces[] = {
        &interface_control, &interface_router, &interface_fetch, &interface_sim, NULL
    };
    static const struct varlink_service service = { "fuzz", "0", interfaces };
    struct varlink_call call;
    struct varlink_reply reply;

    if (varlink_call_parse(&call, text, len, NULL) == GW_OK) {
        char *answer = varlink_service_reply(&service, &call);

        if (answer) {
            if (varlink_reply_parse(&reply, answer, strlen(answer), NULL) != GW_OK) {
                abort();
            }
            varlink_reply_free(&reply);
        }
        free(answer);
        varlink_call_free(&call);
    }
    if (varlink_reply_parse(&reply, text, len, NULL) == GW_OK) {
        varlink_reply_free(&reply);
    }
}

/* The first byte is the size of the pieces that the rest arrives in. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct varlink_input in = { 0 };
    size_t piece = len > 0 && bytes[0] ? bytes[0] : 1;

    for (size_t at = 1; at < len; at += piece) {
        size_t left = len - at < piece ? len - at : piece, cap, message_len;
        const char *message;
        char *room;

        if (varlink_input_room(&in, &room, &cap) != GW_OK) {
            break;
        }
        left = left < cap ? left : cap;
        memcpy(room, bytes + at, left);
        varlink_input_added(&in, left);
        while ((message = varlink_input_next(&in, &message_len)) != NULL) {
            try_message(message, message_len);
        }
    }
    varlink_input_free(&in);
    return 0;
}
