/* The least of a Cortex-M3 board (QEMU's mps2-an385) that runs a program and says how it went. */
#ifndef SIZE_BOARD_H
#define SIZE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The signed image and the root under which it is signed (image.S). */
extern const uint8_t image_gwi[], image_gwi_end[], image_root[], image_root_end[];

/* The program: what the board starts. True = all went as it must. */
bool board_main(void);

/* Say "name value". */
void board_say(const char *name, size_t value);

#endif
