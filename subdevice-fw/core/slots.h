/* Slots: questions about the slots of one component, answered from the log and the slot heads
 * together. No writes.
 */
#ifndef SUBDEVICE_SLOTS_H
#define SUBDEVICE_SLOTS_H

#include "slot.h"
#include "slotlog.h"

/* The slot that holds this image, in whatever phase but empty. */
bool slots_find_image(const struct slotlog *log, uint8_t component,
                      const uint8_t identity[SHA256_LEN], uint8_t *index);

/* The slot that may be overwritten: none of the `running` ones (bit i: slot i executes), and of the
 * others the one whose image was confirmed longest ago, or never. */
bool slots_find_spare(const struct slotlog *log, uint8_t running, uint8_t component,
                      uint8_t *index);

/* The slot of the component in this phase, the lowest if there are more. */
bool slots_find_phase(const struct slotlog *log, uint8_t component, enum slot_phase phase,
                      uint8_t *index);

#endif
