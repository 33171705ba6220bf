/* The board and the image alone. */
#include "board.h"

bool board_main(void)
{
    const uint8_t *volatile first = image_gwi, *volatile last = image_root;

    board_say("first", *first);
    return *first == 0x30 && *last == 0x30;
}
